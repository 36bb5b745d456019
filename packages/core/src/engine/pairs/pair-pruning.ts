import type { CandidatePair } from './candidate-pair.js';
import type { Rejection, RemoteCandidate } from './remote-candidates.js';

/** Signalled candidates that are checked through one allocation of ours: each costs a permission there. */
const MAX_PAIRS_PER_ALLOCATION = 16;

export interface PruningRules {
  /** Of pairs that count: without a relay, and not peer-reflexive. */
  readonly maxPairs: number;
  readonly isUnsignalled: (remote: RemoteCandidate) => boolean;
}

export interface PrunedPairs {
  readonly kept: readonly CandidatePair[];
  readonly rejections: readonly Rejection[];
}

/**
 * At most `maxPairs` of those that count, but at least one of each tier and family. Those that do not count are few for other
 * reasons: peer-reflexive and relayed candidates have limits of their own, as have the pairs of each allocation.
 */
export function prunePairs(all: readonly CandidatePair[], { maxPairs, isUnsignalled }: PruningRules): PrunedPairs {
  const { kept: pairs, rejections } = pruneAllocations(all, isUnsignalled);
  const counted = pairs
    .filter((pair) => !isExempt(pair))
    .sort((a, b) => provenFirst(a, b) || b.remote.priority - a.remote.priority);
  const kept = counted.slice(0, maxPairs);
  const kinds = new Set(kept.map(kindOf));
  const dropped: Rejection[] = [];
  for (const pair of counted.slice(maxPairs)) {
    if (!kinds.has(kindOf(pair))) {
      kinds.add(kindOf(pair));
      kept.push(pair);
    } else dropped.push({ remote: pair.remote, reason: `more than ${maxPairs} candidate pairs` });
  }
  return { kept: [...kept, ...pairs.filter(isExempt)], rejections: [...rejections, ...dropped] };
}

/** Of the pairs of an allocation those with the lowest priority first: private addresses come last there. */
function pruneAllocations(pairs: readonly CandidatePair[], isUnsignalled: PruningRules['isUnsignalled']): PrunedPairs {
  const counts = new Map<string, number>();
  const dropped = new Set<CandidatePair>();
  const counted = pairs.filter(({ base, remote }) => base.kind === 'allocation' && !isUnsignalled(remote));
  for (const pair of counted.sort((a, b) => provenFirst(a, b) || a.remote.priority - b.remote.priority)) {
    const count = counts.get(pair.base.id) ?? 0;
    counts.set(pair.base.id, count + 1);
    if (count >= MAX_PAIRS_PER_ALLOCATION) dropped.add(pair);
  }
  const reason = `more than ${MAX_PAIRS_PER_ALLOCATION} pairs of a relay`;
  return {
    kept: dropped.size === 0 ? pairs : pairs.filter((pair) => !dropped.has(pair)),
    rejections: [...dropped].map(({ remote }) => ({ remote, reason })),
  };
}

function isExempt(pair: CandidatePair): boolean {
  return pair.connection === 'relayed' || pair.remote.type === 'peer-reflexive';
}

function provenFirst(a: CandidatePair, b: CandidatePair): number {
  return Number(b.state === 'succeeded') - Number(a.state === 'succeeded');
}

function kindOf(pair: CandidatePair): string {
  return `${pair.connection}/${pair.base.family}`;
}
