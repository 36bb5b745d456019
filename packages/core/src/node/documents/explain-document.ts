import { formatAddress } from '@wirepath/stun-codec';
import type { Candidate } from '../../contracts/candidate.js';
import type { Peer } from '../../contracts/peer-discovery.js';
import type { PairState } from '../../engine/pair-evidence.js';
import { connectionType } from '../../engine/connection-type.js';
import { hardNatObstacle } from '../../engine/hard-nat/hard-nat-part.js';
import type { PairEvidence } from '../../engine/pair-evidence.js';
import type { PairsView, PairView, PeerView } from '../../engine/peer/peer-view.js';
import { connectionReason, hardNatCause, whyRelayed } from './connection-reason.js';
import type { ExplainDocument, ExplainedPair } from './documents.js';

export interface Explained {
  readonly peer: Peer;
  readonly view: PeerView;
  readonly seen: PairsView;
  /** What the peer has seen; undefined where it did not say. */
  readonly peerPairs: readonly PairEvidence[] | undefined;
  readonly localCandidates: readonly Candidate[];
  /** Of the candidate sources. */
  readonly problems: readonly string[];
  readonly signalingUp: boolean;
  readonly relayUrl: (allocationId: string) => string | undefined;
}

/** Every pair with one peer, its verdict and its evidence, from both ends. */
export function explainDocument(explained: Explained): ExplainDocument {
  const { peer, view, seen, peerPairs, localCandidates, signalingUp, problems } = explained;
  return {
    peer: peer.name,
    publicKey: peer.publicKey,
    connection: view.connection,
    summary: summaryOf(view, signalingUp),
    cause: causeOf(view, signalingUp),
    advice: [...advice(explained), ...loopAdvice(peer, seen)],
    problems,
    localCandidates: localCandidates.map(({ type, address, source }) => ({
      type,
      address: formatAddress(address),
      source,
    })),
    remoteCandidates: seen.remoteCandidates.map(({ type, address }) => ({
      type,
      address: formatAddress(address),
    })),
    pairs: [...ownPairs(explained), ...notTried(explained)],
    peerPairs: peerPairs?.map((pair) => ({ ...explainedPair(pair), local: localText(pair) })) ?? null,
  };
}

function summaryOf(view: PeerView, signalingUp: boolean): string {
  return connectionReason(view, signalingUp) ?? `${view.connection} ${onWhat(view)}`;
}

function causeOf(view: PeerView, signalingUp: boolean): string {
  if (view.connection === 'relayed') return whyRelayed(view);
  return connectionReason(view, signalingUp) ?? onWhat(view);
}

function onWhat({ pairInUse }: PeerView): string {
  return `on ${pairInUse === undefined ? 'no path' : formatAddress(pairInUse.remote)}`;
}

function ownPairs({ view, seen, relayUrl }: Explained): ExplainDocument['pairs'] {
  return seen.pairs.map((pair) => {
    const { mappedAddress } = pair;
    const mapped = mappedAddress === undefined ? '' : `; the peer sees us as ${formatAddress(mappedAddress)}`;
    const shown = explainedPair(pair);
    const evidence =
      view.means === 'checks'
        ? shown.evidence + mapped
        : `tried ${pair.checksSent} times, proven ${pair.responses} times`;
    return {
      ...shown,
      local: relayUrl(pair.localBase.id) ?? localText(pair),
      remoteType: pair.remoteType,
      verdict: ownVerdict(pair, view) ?? shown.verdict,
      evidence,
      rttMs: pair.rttMs ?? null,
    };
  });
}

/** What only this end knows of its own pair. */
function ownVerdict(pair: PairView, { phase }: PeerView): string | undefined {
  if (pair.inUse) return SILENT[phase];
  return pair.state === 'failed' ? pair.refusal : undefined;
}

const SILENT: Readonly<Partial<Record<PeerView['phase'], string>>> = {
  suspect: 'in use, suspect',
  lost: 'in use, lost',
  unreachable: 'in use, lost',
};

function notTried({ seen, relayUrl }: Explained): ExplainDocument['pairs'] {
  return seen.rejections.map(({ remote, reason, loopFrom }) => ({
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

function advice({ view, seen, peerPairs, signalingUp }: Explained): string[] {
  if (view.connection === 'direct') return [];
  if (!signalingUp && view.remoteNat === undefined)
    return ['Check the URL of the rendezvous server, and that it runs.'];
  if (view.remoteNat === undefined)
    return ['Start the other node; both need each other as peers and a rendezvous server in common.'];
  const oneWay = oneWayAdvice(seen.pairs, peerPairs);
  if (view.connection === 'connecting' || view.connection === 'unreachable') {
    if (view.means === 'trials')
      return [
        'Forward the listen port on one side, or let wirepath have the port (`subMode: proxy`, or `mode: embedded`): it then punches holes and uses relays, which a device by itself cannot.',
      ];
    return [
      oneWay ??
        'No UDP from the peer arrives: forward the listen port on one side, or configure STUN and relay servers on both.',
    ];
  }
  if (view.connection === 'relayed') {
    const obstacle = hardNatObstacle(view.ownNat, view.remoteNat) ?? hardNatCause(view);
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
function loopAdvice({ name }: Peer, { rejections }: PairsView): string[] {
  const loops = rejections.filter(({ loopFrom }) => loopFrom !== undefined);
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
