import { CodedError } from '../../base/errors/coded-error.js';
import type { Peer } from '../../contracts/peer-discovery.js';
import type { NatTraversal } from '../../shell/nat-traversal.js';

/** Names in an error: who has thousands of peers looks for one in `status`. */
const NAMES_TOLD = 20;

/** @param name or public key. */
export function peerNamed(traversal: NatTraversal, name: string): Peer | undefined {
  return traversal.peer(name) ?? traversal.peers().find((one) => one.name === name);
}

/** @param name or public key. @throws CodedError PEER_NOT_FOUND, which says who there is. */
export function findPeer(traversal: NatTraversal, name: string): Peer {
  const peer = peerNamed(traversal, name);
  if (peer !== undefined) return peer;
  const peers = traversal.peers();
  const names = peers.slice(0, NAMES_TOLD).map((one) => one.name);
  const more = peers.length > names.length ? ` and ${peers.length - names.length} more` : '';
  throw new CodedError('PEER_NOT_FOUND', `there is no peer ${JSON.stringify(name)}`, {
    subject: name,
    advice: names.length === 0 ? 'The rc file lists no peers.' : `Peers are: ${names.join(', ')}${more}.`,
  });
}
