import { formatAddress } from '@wirepath/stun-codec';
import type { Peer } from '../../contracts/peer-discovery.js';
import type { SignalingState } from '../../contracts/signaling.js';
import type { Transport, TransportPeerStats } from '../../contracts/transport.js';
import type { NatTraversal } from '../../shell/nat-traversal.js';
import type { PeerView } from '../../engine/peer/peer-view.js';
import { oneLine } from '../../base/guard/refusals.js';
import { connectionReason } from './connection-reason.js';
import { hasSession, plainReason } from './plain-reason.js';
import type { Connection, PeerStatus, StatusDocument } from './documents.js';

const MAX_WORDS = 32;
/** Reasons are names from code, so there are few. */
const MAX_COUNTERS = 1024;

/** A part that says what is wrong, one line each, and counts it. */
export interface Reporting {
  problems(): readonly string[];
  counters?(): Readonly<Record<string, number>>;
}

export interface StatusSources {
  readonly version: string;
  readonly publicKey: string;
  readonly interfaceName: string | null;
  readonly addresses: readonly string[];
  readonly traversal: NatTraversal;
  readonly transport: Transport;
  /** Candidate sources and relays that count what they drop. */
  readonly counting: readonly { counters?(): Readonly<Record<string, number>> }[];
  /** Plugins that serve beside the tunnel. */
  readonly services: readonly { problems?(): readonly string[] }[];
  /** What failed in callbacks, and what was refused. */
  readonly reporting: readonly Reporting[];
  readonly signaling: readonly SignalingState[];
  readonly nowMs: number;
  /** Unix ms at which a peer's connection became what it is. */
  since(publicKey: string, connection: Connection): number;
}

/** A plugin says it, so it is kept to lines. */
function wordsOf(transport: Transport): Record<string, string> {
  const words = Object.entries(transport.describe?.() ?? {}).slice(0, MAX_WORDS);
  return Object.fromEntries(words.flatMap(([name, text]) => (typeof text === 'string' ? [[name, oneLine(text)]] : [])));
}

export function statusDocument(sources: StatusSources): StatusDocument {
  const { traversal, transport, signaling } = sources;
  const stats = new Map(transport.stats().map((peer) => [peer.publicKey, peer]));
  return {
    node: {
      version: sources.version,
      publicKey: sources.publicKey,
      interface: sources.interfaceName,
      addresses: sources.addresses,
      listenPort: transport.listenPort ?? null,
      natBehavior: traversal.natBehavior(),
      transport: wordsOf(transport),
      candidates: traversal.localCandidates().map(({ type, address, priority, source }) => ({
        type,
        address: formatAddress(address),
        priority,
        source,
      })),
      dropped: droppedOf(sources),
      problems: [
        ...traversal.problems(),
        ...[transport, ...sources.services]
          .flatMap((part) => part.problems?.() ?? [])
          .flatMap((line) => (typeof line === 'string' ? [oneLine(line)] : [])),
        ...sources.reporting.flatMap((part) => part.problems()),
        ...signaling.flatMap(({ url, error }) => (error ? [`${url}: ${error}`] : [])),
      ],
    },
    signaling: signaling.map(({ url, state, sinceMs, error }) => ({
      url,
      state,
      since: new Date(sinceMs).toISOString(),
      error: error ?? null,
    })),
    relays: traversal.relayStates().map(({ url, transport: over, state, relayedAddress, rttMs, reason, error }) => ({
      url,
      transport: over,
      state,
      relayedAddress: relayedAddress === undefined ? null : formatAddress(relayedAddress),
      rttMs: rttMs ?? null,
      reason: reason ?? null,
      error: error ?? null,
    })),
    peers: traversal.peers().map((peer) => peerStatus(peer, sources, stats.get(peer.publicKey))),
  };
}

/** Plugins that use the same name are added up. What was never dropped is left out. */
function droppedOf({ transport, traversal, reporting, counting }: StatusSources): Record<string, number> {
  const dropped: Record<string, number> = {};
  for (const counters of [transport, traversal, ...reporting, ...counting].map((source) => source.counters?.() ?? {})) {
    for (const [reason, count] of countsIn(counters)) {
      if (count > 0) dropped[reason] = (dropped[reason] ?? 0) + count;
    }
  }
  return dropped;
}

/** Figures of a plugin's own: what is no figure is not told, and not without end. */
function countsIn(counters: Readonly<Record<string, unknown>>): [string, number][] {
  try {
    return Object.entries(counters)
      .slice(0, MAX_COUNTERS)
      .flatMap(([reason, count]) => (typeof count === 'number' && Number.isFinite(count) ? [[reason, count]] : []));
  } catch {
    // A getter of a plugin's record throws.
    return [];
  }
}

export function peerStatus(
  peer: Peer,
  sources: Pick<StatusSources, 'traversal' | 'signaling' | 'nowMs' | 'since'>,
  stats: TransportPeerStats | undefined,
): PeerStatus {
  const view = sources.traversal.view(peer.publicKey);
  const connection = connectionToPeer(view, stats, sources.nowMs);
  const pair = view?.pairInUse;
  const endpoint = pair?.remote ?? stats?.endpoint;
  return {
    name: peer.name,
    publicKey: peer.publicKey,
    connection,
    endpoint: endpoint ? formatAddress(endpoint) : null,
    relay: relayOf(pair, sources),
    rttMs: pair?.rttMs ?? null,
    lastHandshakeMs: stats?.lastHandshakeMs ?? null,
    rxBytes: stats?.rxBytes ?? 0,
    txBytes: stats?.txBytes ?? 0,
    since: new Date(sources.since(peer.publicKey, connection)).toISOString(),
    reason:
      view === undefined
        ? plainReason(stats, sources.nowMs)
        : connectionReason(
            view,
            sources.signaling.some(({ state }) => state === 'up'),
          ),
  };
}

export function connectionToPeer(
  view: PeerView | undefined,
  stats: TransportPeerStats | undefined,
  nowMs: number,
): Connection {
  if (view !== undefined) return view.connection;
  if (stats !== undefined && hasSession(stats, nowMs)) return 'direct';
  return stats?.endpoint ? 'connecting' : 'idle';
}

function relayOf(pair: PeerView['pairInUse'], { traversal }: Pick<StatusSources, 'traversal'>): string | null {
  if (pair === undefined || pair.connection !== 'relayed') return null;
  return pair.base === 'allocation' ? (traversal.relayUrl(pair.localBase.id) ?? null) : formatAddress(pair.remote);
}
