import { formatAddress } from '@wirepath/stun-codec';
import type { Peer } from '../contracts/peer-discovery.js';
import type { CandidatePair } from '../traversal/candidate-pair.js';
import { hardNatObstacle } from '../traversal/hard-nat.js';
import type { PeerAgent } from '../traversal/peer-agent.js';
import type { LocalDescription } from '../traversal/events.js';
import { connectionReason, hardNatCause } from './connection-reason.js';
import type { ExplainDocument } from './status.js';

/** Every pair with one peer, its verdict and its evidence. */
export function explainDocument(
  peer: Peer,
  agent: PeerAgent,
  local: LocalDescription['candidates'],
  signalingUp: boolean,
  relayUrl: (allocationId: string) => string | undefined,
): ExplainDocument {
  const pairs = [...agent.checklist.pairs.values()].sort(
    (a, b) => a.tier - b.tier || b.remote.priority - a.remote.priority,
  );
  const active = agent.active?.pair;
  return {
    peer: peer.name,
    publicKey: peer.publicKey,
    connection: agent.connection,
    summary:
      connectionReason(agent, signalingUp) ??
      `${agent.connection} on ${active && formatAddress(active.remote.address)}`,
    advice: advice(agent, signalingUp),
    localCandidates: local.map(({ type, address }) => ({ type, address: formatAddress(address) })),
    remoteCandidates: agent.checklist.remotes.map(({ type, address }) => ({ type, address: formatAddress(address) })),
    pairs: [
      ...pairs.map((pair) => ({
        local:
          pair.base.kind === 'allocation'
            ? (relayUrl(pair.base.id) ?? pair.base.id)
            : `UDP over IPv${pair.base.family}`,
        remote: formatAddress(pair.remote.address),
        remoteType: pair.remote.type,
        connection: pair.connection,
        verdict: verdict(pair, agent),
        evidence: evidence(pair),
        rttMs: pair.rttMs ?? null,
        active: pair === active,
      })),
      ...agent.checklist.rejections.map(({ remote, reason }) => ({
        local: '-',
        remote: formatAddress(remote.address),
        remoteType: remote.type,
        connection:
          remote.type === 'host'
            ? ('direct' as const)
            : remote.type === 'relayed'
              ? ('relayed' as const)
              : ('hole-punched' as const),
        verdict: 'not tried',
        evidence: reason,
        rttMs: null,
        active: false,
      })),
    ],
  };
}

function verdict(pair: CandidatePair, agent: PeerAgent): string {
  if (pair === agent.active?.pair) return agent.active.trust === 'trusted' ? 'in use' : `in use, ${agent.active.trust}`;
  switch (pair.state) {
    case 'succeeded':
      return 'proven, not needed';
    case 'failed':
      return pair.refusal ?? 'no answer';
    case 'permitting':
      return 'waiting for the relay';
    case 'in-progress':
      return 'being checked';
    case 'waiting':
      return 'not checked yet';
  }
}

function evidence(pair: CandidatePair): string {
  const parts = [`${pair.checksSent} checks sent, ${pair.responses} answered, ${pair.checksReceived} received`];
  if (pair.mappedAddress !== undefined) parts.push(`the peer sees us as ${formatAddress(pair.mappedAddress)}`);
  return parts.join('; ');
}

function advice(agent: PeerAgent, signalingUp: boolean): string[] {
  if (agent.connection === 'direct') return [];
  if (!signalingUp && agent.remote === null) return ['Check the URL of the rendezvous server, and that it runs.'];
  if (agent.remote === null)
    return ['Start the other node; both need each other as peers and a rendezvous server in common.'];
  const received = [...agent.checklist.pairs.values()].some((pair) => pair.checksReceived > 0);
  if (agent.connection === 'connecting' || agent.connection === 'unreachable') {
    return received
      ? [
          'Checks of the peer arrive here, but answers do not come back: a firewall lets UDP through in one direction only.',
        ]
      : [
          'No UDP from the peer arrives: forward the listen port on one side, or configure STUN and relay servers on both.',
        ];
  }
  if (agent.connection === 'relayed') {
    const { natBehavior } = agent.around.local;
    const obstacle = hardNatObstacle(natBehavior, agent.remote.natBehavior) ?? hardNatCause(agent);
    if (obstacle !== undefined) {
      return [
        'Forward a UDP port to the listen port of one of the nodes, or put one of them behind a NAT with endpoint-independent mapping.',
      ];
    }
    return ['Forward a UDP port to the listen port of one of the nodes, or let UDP through the firewall between them.'];
  }
  return [];
}
