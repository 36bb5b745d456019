import { hardNatObstacle } from '../traversal/hard-nat.js';
import type { PeerAgent } from '../traversal/peer-agent.js';

/** Why a peer is not connected, or not better connected than it is, in one line; null where there is nothing to say. */
export function connectionReason(agent: PeerAgent, signalingUp: boolean): string | null {
  if (agent.connection === 'direct' || agent.connection === 'hole-punched') return null;
  if (agent.connection === 'relayed') {
    const tried = [...agent.checklist.pairs.values()].filter((pair) => pair.connection !== 'relayed');
    const obstacle = agent.remote && hardNatObstacle(agent.around.local.natBehavior, agent.remote.natBehavior);
    if (obstacle) return `relayed: ${obstacle}`;
    if (agent.hardNat.progress !== undefined)
      return `relayed while a way through the symmetric NAT is tried: ${agent.hardNat.progress}`;
    if (tried.length === 0) return 'relayed: neither side has an address that the other could try directly';
    return agent.probingUntil === undefined
      ? `relayed: none of ${tried.length} direct pairs answered`
      : 'relayed while direct pairs are being checked';
  }
  if (agent.remote === null) {
    if (!signalingUp) return 'signalling is down';
    if (agent.undeliverable) return 'the peer is not registered at the rendezvous';
    return 'waiting for the peer to answer through signalling';
  }
  if (agent.active?.trust === 'lost') return 'the path went silent';
  if (agent.active !== undefined) return 'a path is proven, the WireGuard handshake is not done yet';
  const { size } = agent.checklist.pairs;
  if (size === 0) return 'no candidate of the peer can be reached from here';
  return agent.exhausted ? `none of ${size} candidate pairs answered` : `checking ${size} candidate pairs`;
}
