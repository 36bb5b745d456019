import { CodedError } from '../../base/errors/coded-error.js';
import type { Peer } from '../../contracts/peer-discovery.js';
import type { NatTraversal } from '../../shell/nat-traversal.js';
import { explainDocument } from './explain-document.js';
import type { Connection, ExplainDocument } from './documents.js';

/** A peer that does not say by then what it has seen is explained without. */
const PEER_EVIDENCE_MS = 1500;

export interface ExplainContext {
  readonly traversal: NatTraversal;
  readonly signalingUp: boolean;
  readonly connection: Connection;
  readonly signal?: AbortSignal | undefined;
}

/** Why the path to a peer is what it is. Asks the peer too, where it can be asked. @throws CodedError ABORTED, PEER_NOT_FOUND. */
export async function explainPeer(peer: Peer, context: ExplainContext): Promise<ExplainDocument> {
  const { traversal, signalingUp, signal } = context;
  if (traversal.view(peer.publicKey) === undefined) return explainPlain(peer, context.connection);
  const waiting = { timeoutMs: PEER_EVIDENCE_MS, ...(signal && { signal }) };
  const peerPairs = signalingUp ? await traversal.peerEvidence(peer.publicKey, waiting) : undefined;
  const view = traversal.view(peer.publicKey);
  const seen = traversal.pairsView(peer.publicKey);
  // It was removed meanwhile.
  if (view === undefined || seen === undefined)
    throw new CodedError('PEER_NOT_FOUND', undefined, { subject: peer.name });
  return explainDocument({
    peer,
    view,
    seen,
    peerPairs,
    localCandidates: traversal.localCandidates(),
    signalingUp,
    relayUrl: (allocationId) => traversal.relayUrl(allocationId),
  });
}

function explainPlain({ name, publicKey }: Peer, connection: Connection): ExplainDocument {
  const summary = 'a plain WireGuard peer: its endpoint is configured and roams, nothing is probed';
  const none = { advice: [], localCandidates: [], remoteCandidates: [], pairs: [], peerPairs: null };
  return { peer: name, publicKey, connection, summary, cause: summary, ...none };
}
