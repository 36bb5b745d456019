import { CodedError } from '../../base/errors/coded-error.js';
import type { Peer } from '../../contracts/peer-discovery.js';
import type { NatTraversal } from '../../shell/nat-traversal.js';
import { explainDocument } from './explain-document.js';
import type { ExplainDocument, PeerStatus } from './documents.js';
import { plainAdvice } from './plain-reason.js';

/** A peer that does not say by then what it has seen is explained without. */
const PEER_EVIDENCE_MS = 1500;

export interface ExplainContext {
  readonly traversal: NatTraversal;
  readonly signalingUp: boolean;
  /** As it is now. */
  readonly status: PeerStatus;
  readonly signal?: AbortSignal | undefined;
}

/** Why the path to a peer is what it is. Asks the peer too, where it can be asked. @throws CodedError ABORTED, PEER_NOT_FOUND. */
export async function explainPeer(peer: Peer, context: ExplainContext): Promise<ExplainDocument> {
  const { traversal, signalingUp, signal } = context;
  if (traversal.view(peer.publicKey) === undefined) return explainPlain(context.status);
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
    problems: traversal.candidateProblems(),
    relayUrl: (allocationId) => traversal.relayUrl(allocationId),
  });
}

function explainPlain(status: PeerStatus): ExplainDocument {
  const { name, publicKey, connection, reason } = status;
  const summary = 'a plain WireGuard peer: its endpoint is configured and roams, nothing is probed';
  const none = { problems: [], localCandidates: [], remoteCandidates: [], pairs: [], peerPairs: null };
  return { peer: name, publicKey, connection, summary, cause: reason ?? summary, advice: plainAdvice(status), ...none };
}
