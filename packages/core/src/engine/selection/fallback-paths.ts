import { sameAddress } from '@wirepath/stun-codec';
import type { CandidatePair } from '../pairs/candidate-pair.js';

/**
 * What to send on besides a suspect pair: without a relay, through the peer's allocation, and through ours, of each the pair
 * that was heard last, through another relay where there is one: of the suspect pair's own the server may have died. Which of
 * them still works is not known: a rebinding kills our own allocation (its 5-tuple is gone), a forgotten filter what comes to
 * the peer from ours.
 */
export function fallbacksFor(suspect: CandidatePair, pairs: Iterable<CandidatePair>): CandidatePair[] {
  const others = [...pairs].filter((pair) => pair.hasWorked && pair !== suspect);
  const kinds = [
    others.filter((pair) => pair.relayHops === 0),
    others.filter((pair) => pair.relayHops > 0 && pair.base.kind === 'socket'),
    others.filter((pair) => pair.base.kind === 'allocation'),
  ];
  const heardLast = (a: CandidatePair, b: CandidatePair) => ((b.lastHeardAt ?? 0) > (a.lastHeardAt ?? 0) ? b : a);
  const better = (a: CandidatePair, b: CandidatePair) => {
    const [aShares, bShares] = [sharesRelay(a, suspect), sharesRelay(b, suspect)];
    return aShares === bShares ? heardLast(a, b) : aShares ? b : a;
  };
  return kinds.flatMap((kind) => (kind.length === 0 ? [] : kind.reduce(better)));
}

function sharesRelay(a: CandidatePair, b: CandidatePair): boolean {
  if (a.base.kind === 'allocation' && a.base.id === b.base.id) return true;
  return a.remote.type === 'relayed' && sameAddress(a.remote.address, b.remote.address);
}
