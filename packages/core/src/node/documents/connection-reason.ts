import { hardNatObstacle, hardNatPart } from '../../engine/hard-nat/hard-nat-part.js';
import type { PeerAgent } from '../../engine/peer/peer-agent.js';

/** Why a peer is not connected, or not better connected than it is, in one line; null where there is nothing to say. */
export function connectionReason(agent: PeerAgent, signalingUp: boolean): string | null {
  if (agent.connection === 'direct' || agent.connection === 'hole-punched') return null;
  if (agent.connection === 'relayed') return `relayed: ${whyRelayed(agent)}`;
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

/** Why a relayed path is no better, as a clause. */
export function whyRelayed(agent: PeerAgent): string {
  const tried = [...agent.checklist.pairs.values()].filter((pair) => pair.connection !== 'relayed');
  const obstacle = agent.remote && hardNatObstacle(agent.around.local.natBehavior, agent.remote.natBehavior);
  if (obstacle) return obstacle;
  const hard = hardNatCause(agent);
  if (hard !== undefined) return `${hard}; ${hardNatState(agent)}`;
  if (tried.length === 0) return 'neither side has an address that the other could try directly';
  return agent.isProbing ? 'direct pairs are being checked' : `none of ${tried.length} direct pairs answered`;
}

/** Which NAT maps per destination, where the other's filter makes that the cause; undefined where it is none. */
export function hardNatCause(agent: PeerAgent): string | undefined {
  const ours = agent.around.local.natBehavior;
  const theirs = agent.remote?.natBehavior;
  const part = theirs && hardNatPart(ours, theirs);
  if (part === undefined) return undefined;
  const [hard, easy, filtering] =
    part === 'many-bases' ? ['here', 'of the peer', theirs?.filtering] : ['of the peer', 'here', ours.filtering];
  if (filtering !== 'address-and-port-dependent') return undefined;
  return `the NAT ${hard} maps per destination (symmetric), and the NAT ${easy} lets in only ports that it has sent to`;
}

function hardNatState({ around, hardNat }: PeerAgent): string {
  if (!around.hardNat) return 'finding the port by trying many is turned off (traversal.hardNat)';
  if (hardNat.progress !== undefined) return `the port is being looked for: ${hardNat.progress}`;
  if (hardNat.failures === 0) return 'the port will be looked for';
  const times = hardNat.failures === 1 ? 'once' : `${hardNat.failures} times`;
  return `the port was looked for ${times} and not found, and will be again`;
}
