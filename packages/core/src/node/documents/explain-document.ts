import { formatAddress } from '@wirepath/stun-codec';
import type { Peer } from '../../contracts/peer-discovery.js';
import { byTypeAndPriority, evidenceOf, type CandidatePair } from '../../engine/pairs/candidate-pair.js';
import type { PairState } from '../../engine/pair-evidence.js';
import { connectionType } from '../../engine/connection-type.js';
import { hardNatObstacle } from '../../engine/hard-nat/hard-nat-part.js';
import type { PairEvidence } from '../../engine/pair-evidence.js';
import type { PeerAgent } from '../../engine/peer/peer-agent.js';
import type { LocalDescription } from '../../engine/events.js';
import { connectionReason, hardNatCause, whyRelayed } from './connection-reason.js';
import type { ExplainDocument, ExplainedPair } from './documents.js';

export interface Explained {
  readonly peer: Peer;
  readonly agent: PeerAgent;
  /** What the peer has seen; undefined where it did not say. */
  readonly peerPairs: readonly PairEvidence[] | undefined;
  readonly localCandidates: LocalDescription['candidates'];
  readonly signalingUp: boolean;
  readonly relayUrl: (allocationId: string) => string | undefined;
}

/** Every pair with one peer, its verdict and its evidence, from both ends. */
export function explainDocument(explained: Explained): ExplainDocument {
  const { peer, agent, peerPairs, localCandidates, signalingUp } = explained;
  return {
    peer: peer.name,
    publicKey: peer.publicKey,
    connection: agent.connection,
    summary: summaryOf(agent, signalingUp),
    cause: causeOf(agent, signalingUp),
    advice: [...advice(agent, peerPairs, signalingUp), ...loopAdvice(peer, agent)],
    localCandidates: localCandidates.map(({ type, address }) => ({ type, address: formatAddress(address) })),
    remoteCandidates: agent.checklist.remotes.all.map(({ type, address }) => ({
      type,
      address: formatAddress(address),
    })),
    pairs: [...ownPairs(explained), ...notTried(explained)],
    peerPairs: peerPairs?.map((pair) => ({ ...explainedPair(pair), local: localText(pair) })) ?? null,
  };
}

function summaryOf(agent: PeerAgent, signalingUp: boolean): string {
  return connectionReason(agent, signalingUp) ?? `${agent.connection} ${onWhat(agent)}`;
}

function causeOf(agent: PeerAgent, signalingUp: boolean): string {
  if (agent.connection === 'relayed') return whyRelayed(agent);
  return connectionReason(agent, signalingUp) ?? onWhat(agent);
}

function onWhat({ active }: PeerAgent): string {
  return `on ${active === undefined ? 'no path' : formatAddress(active.pair.remote.address)}`;
}

function ownPairs({ agent, relayUrl }: Explained): ExplainDocument['pairs'] {
  const active = agent.active?.pair;
  return [...agent.checklist.pairs.values()].sort(byTypeAndPriority).map((pair) => {
    const seen = evidenceOf(pair, active);
    const { mappedAddress } = pair;
    const mapped = mappedAddress === undefined ? '' : `; the peer sees us as ${formatAddress(mappedAddress)}`;
    const shown = explainedPair(seen);
    return {
      ...shown,
      local: relayUrl(pair.base.id) ?? localText(seen),
      remoteType: pair.remote.type,
      verdict: ownVerdict(pair, agent) ?? shown.verdict,
      evidence: shown.evidence + mapped,
      rttMs: pair.rttMs ?? null,
    };
  });
}

/** What only this end knows of its own pair. */
function ownVerdict(pair: CandidatePair, { active }: PeerAgent): string | undefined {
  if (pair === active?.pair) return active.trust === 'trusted' ? undefined : `in use, ${active.trust}`;
  return pair.state === 'failed' ? pair.refusal : undefined;
}

function notTried({ agent, relayUrl }: Explained): ExplainDocument['pairs'] {
  return agent.checklist.rejections.map(({ remote, reason, loopFrom }) => ({
    local: loopFrom === undefined ? '-' : (relayUrl(loopFrom.id) ?? `UDP over IPv${loopFrom.family}`),
    remote: formatAddress(remote.address),
    remoteType: remote.type,
    connection: connectionType(loopFrom?.kind ?? 'socket', remote.type),
    verdict: loopFrom === undefined ? 'not tried' : 'loop',
    evidence: reason,
    rttMs: null,
    active: false,
  }));
}

function explainedPair(pair: PairEvidence): Omit<ExplainedPair, 'local'> {
  return {
    remote: formatAddress(pair.remote),
    connection: pair.connection,
    verdict: pair.inUse ? 'in use' : VERDICTS[pair.state],
    evidence: `${pair.checksSent} checks sent, ${pair.responses} answered, ${pair.checksReceived} received`,
    active: pair.inUse,
  };
}

function localText({ base, family }: PairEvidence): string {
  return base === 'allocation' ? 'relay' : `UDP over IPv${family}`;
}

const VERDICTS: Readonly<Record<PairState, string>> = {
  succeeded: 'proven, not needed',
  failed: 'no answer',
  permitting: 'waiting for the relay',
  'in-progress': 'being checked',
  waiting: 'not checked yet',
};

function advice(agent: PeerAgent, peerPairs: Explained['peerPairs'], signalingUp: boolean): string[] {
  if (agent.connection === 'direct') return [];
  if (!signalingUp && agent.remote === null) return ['Check the URL of the rendezvous server, and that it runs.'];
  if (agent.remote === null)
    return ['Start the other node; both need each other as peers and a rendezvous server in common.'];
  const oneWay = oneWayAdvice(agent.evidence(), peerPairs);
  if (agent.connection === 'connecting' || agent.connection === 'unreachable') {
    return [
      oneWay ??
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
    return [
      oneWay ??
        'Forward a UDP port to the listen port of one of the nodes, or let UDP through the firewall between them.',
    ];
  }
  return [];
}

/** Nothing has to be done about a loop: it is left alone. Whoever wants it gone from the list can have that. */
function loopAdvice({ name }: Peer, { checklist }: PeerAgent): string[] {
  const loops = checklist.rejections.filter(({ loopFrom }) => loopFrom !== undefined);
  const relays = loops.filter(({ loopFrom }) => loopFrom?.kind === 'allocation');
  const hosts = loops.filter(({ loopFrom, remote }) => loopFrom?.kind === 'socket' && remote.type === 'host');
  const addresses = new Set(hosts.map(({ remote }) => remote.address.ip));
  return [
    ...[...addresses].map(
      (ip) =>
        `${ip} is an address of ${name} in a network that rides on this tunnel, and no way to it: name that network's interface in interfaces.exclude of @wirepath/source-host at ${name}, or leave it at that.`,
    ),
    ...(relays.length > 0
      ? ['A relay is reached through this tunnel, and no way to the peer: name it by an address outside of the tunnel.']
      : []),
  ];
}

/** Where checks without a relay arrive at one end only, and that end's do not get back. */
function oneWayAdvice(ours: readonly PairEvidence[], theirs: readonly PairEvidence[] | undefined): string | undefined {
  const arrive = (pairs: readonly PairEvidence[]) =>
    pairs.some(({ connection, checksReceived }) => connection !== 'relayed' && checksReceived > 0);
  if (arrive(ours)) {
    return theirs === undefined || arrive(theirs)
      ? 'Checks of the peer arrive here, but answers do not come back: a firewall lets UDP through in one direction only.'
      : 'Checks of the peer arrive here, ours do not arrive there: let UDP out through the firewall here, or in through the one there.';
  }
  if (theirs === undefined || !arrive(theirs)) return undefined;
  return 'Our checks arrive at the peer, its own do not arrive here: let UDP in through the firewall here, or out through the one there.';
}
