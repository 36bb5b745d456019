import { formatAddress } from '@wirepath/stun-codec';
import { CandidatePair, type RemoteCandidate } from './candidate-pair.js';
import { pathKeyOf } from '../engine-path.js';
import type { EnginePath, LocalBase } from '../engine-path.js';
import { MAX_SIGNALLED_RELAYED } from '../messages.js';
import { TokenBucket } from '../../base/limits/token-bucket.js';
import { CHECK_PACING_MS, PEER_CHECKS_PER_SECOND, PEER_CHECK_BURST } from '../timings.js';

/** Candidates that nobody signalled, nearly all of them peer-reflexive: each was authenticated, but a peer must not make us hoard. */
const MAX_UNSIGNALLED = 16;
/**
 * So many at once, and then one each ten seconds, are taken up. Between two NATs that map per destination, one of them
 * with an open filter, each check comes from yet another port, and checking that makes another: without end.
 */
const PEER_REFLEXIVE_BURST = 8;
const PEER_REFLEXIVE_PER_SECOND = 0.1;
/** Through a relay no such chain comes about, for it shows the peer one address of ours; a flood may come all the same. */
const PEER_REFLEXIVE_RELAYED_BURST = 16;
const PEER_REFLEXIVE_RELAYED_PER_SECOND = 1;

/** Relayed candidates of one message that are heeded: a node offers no more than four. What they are called exempts no others from the limit. */
const MAX_RELAYED = MAX_SIGNALLED_RELAYED;
/** Signalled candidates that are checked through one allocation of ours: each costs a permission there. */
const MAX_PAIRS_PER_ALLOCATION = 16;

/** A remote candidate that makes no pair, and why. */
export interface Rejection {
  readonly remote: RemoteCandidate;
  readonly reason: string;
}

/** The pairs with one peer (RFC 8445 checklist): formed, pruned, and probed at a pace. */
export class Checklist {
  readonly pairs = new Map<string, CandidatePair>();
  rejections: Rejection[] = [];
  #signalled: readonly RemoteCandidate[] = [];
  readonly #unsignalled = new Map<string, RemoteCandidate>();
  /** Pairs of bases that are not everybody's (hard NATs): they stay until unpinned. */
  readonly pinned = new Map<string, CandidatePair>();
  #nextSlotAt = -Infinity;
  readonly #budget = new TokenBucket(PEER_CHECKS_PER_SECOND, PEER_CHECK_BURST);
  #admissions = new TokenBucket(PEER_REFLEXIVE_PER_SECOND, PEER_REFLEXIVE_BURST);
  readonly #relayedAdmissions = new TokenBucket(PEER_REFLEXIVE_RELAYED_PER_SECOND, PEER_REFLEXIVE_RELAYED_BURST);
  /** Signalled, and not heeded whatever our bases are. */
  #unheeded: readonly Rejection[] = [];

  constructor(readonly maxPairs: number) {}

  get remotes(): readonly RemoteCandidate[] {
    return [...this.#signalled, ...this.#unsignalled.values()];
  }

  /**
   * The peer's signalled candidates; a peer-reflexive one that is among them takes the signalled type, and of two with one
   * address the better counts. A type that escapes the limit of pairs has one of its own, since the peer can claim any.
   */
  setSignalled(remotes: readonly RemoteCandidate[]): void {
    const unique = new Map<string, RemoteCandidate>();
    for (const remote of [...remotes].sort((a, b) => b.priority - a.priority)) {
      const key = formatAddress(remote.address);
      if (!unique.has(key)) unique.set(key, remote);
    }
    const relayed = [...unique.values()].filter(({ type }) => type === 'relayed');
    const unheeded = new Map<RemoteCandidate, string>();
    for (const remote of relayed.slice(MAX_RELAYED))
      unheeded.set(remote, `more than ${MAX_RELAYED} relayed candidates`);
    for (const remote of unique.values())
      if (remote.type === 'peer-reflexive') unheeded.set(remote, 'peer-reflexive candidates are found, not signalled');
    this.#unheeded = [...unheeded].map(([remote, reason]) => ({ remote, reason }));
    this.#signalled = [...unique.values()].filter((remote) => !unheeded.has(remote));
    for (const remote of this.#signalled) {
      this.#unsignalled.delete(formatAddress(remote.address));
      for (const pair of this.pairs.values()) {
        if (formatAddress(pair.remote.address) === formatAddress(remote.address)) pair.remote = remote;
      }
    }
  }

  /** The user suggested an address that nobody signalled. */
  addUnsignalled(remote: RemoteCandidate): void {
    if (!this.#isKnown(remote)) this.#addBounded(remote);
  }

  /** A check came from an address that nobody signalled (RFC 8445 7.3.1.3); too many at once are left alone. */
  addPeerReflexive(base: LocalBase, remote: RemoteCandidate, now: number): void {
    if (this.#isKnown(remote)) return;
    const admissions = base.kind === 'allocation' ? this.#relayedAdmissions : this.#admissions;
    if (admissions.take(now)) this.#addBounded(remote);
  }

  #isKnown({ address }: RemoteCandidate): boolean {
    const key = formatAddress(address);
    return this.#unsignalled.has(key) || this.#signalled.some((known) => formatAddress(known.address) === key);
  }

  #addBounded(remote: RemoteCandidate): void {
    if (this.#unsignalled.size >= MAX_UNSIGNALLED) {
      const oldest = this.#unsignalled.keys().next().value;
      if (oldest !== undefined) this.#unsignalled.delete(oldest);
    }
    this.#unsignalled.set(formatAddress(remote.address), remote);
  }

  /** What was learnt by checks belongs to the peer's previous run or network. */
  forgetUnsignalled(): void {
    this.#unsignalled.clear();
    this.#admissions = new TokenBucket(PEER_REFLEXIVE_PER_SECOND, PEER_REFLEXIVE_BURST);
  }

  /**
   * Forms the pairs of every base with every remote candidate of its family, keeping what is known of those that stay.
   * @param keep stays even without its candidate: it carries traffic.
   * @param refuse why an address must not be sent to, or undefined.
   * @returns the pairs that are no more.
   */
  form(
    bases: readonly LocalBase[],
    keep: CandidatePair | undefined,
    refuse: (remote: RemoteCandidate) => string | undefined,
  ): CandidatePair[] {
    this.rejections = [...this.#unheeded];
    const wanted = new Map<string, CandidatePair>();
    const fresh: CandidatePair[] = [];
    for (const remote of this.remotes) {
      const reason = refuse(remote);
      if (reason !== undefined) {
        this.rejections.push({ remote, reason });
        continue;
      }
      const mates = bases.filter((base) => base.family === remote.address.family);
      if (mates.length === 0) this.rejections.push({ remote, reason: `no IPv${remote.address.family} socket here` });
      for (const base of mates) {
        const key = pathKeyOf({ baseId: base.id, remote: remote.address });
        fresh.push(this.pairs.get(key) ?? new CandidatePair(base, remote));
      }
    }
    for (const pair of this.#prune(fresh)) wanted.set(pair.key, pair);
    for (const [key, pair] of this.pinned) wanted.set(key, pair);
    if (keep !== undefined) wanted.set(keep.key, keep);
    const gone = [...this.pairs.values()].filter(({ key }) => !wanted.has(key));
    this.pairs.clear();
    for (const [key, pair] of wanted) this.pairs.set(key, pair);
    return gone;
  }

  pin(pair: CandidatePair): void {
    this.pinned.set(pair.key, pair);
    this.pairs.set(pair.key, pair);
  }

  unpin(pair: CandidatePair): void {
    this.pinned.delete(pair.key);
    this.pairs.delete(pair.key);
  }

  get(path: EnginePath): CandidatePair | undefined {
    return this.pairs.get(pathKeyOf(path));
  }

  probeAll(now: number): void {
    for (const pair of this.pairs.values()) pair.probe(now);
  }

  /**
   * No more ordinary checks: what has not answered by now has failed. Peer-reflexive candidates that came to nothing are
   * forgotten, or every later round would check them again; who is behind them is heard again if it matters.
   */
  endProbing(): void {
    const proven = new Set<string>();
    for (const pair of this.pairs.values()) {
      if (pair.state === 'waiting' || pair.state === 'in-progress') pair.fail();
      if (pair.state === 'succeeded') proven.add(formatAddress(pair.remote.address));
      pair.nextCheckAt = undefined;
    }
    for (const [key, { type }] of this.#unsignalled)
      if (type === 'peer-reflexive' && !proven.has(key)) this.#unsignalled.delete(key);
  }

  nextTimeout(): number | undefined {
    let next: number | undefined;
    for (const { nextCheckAt } of this.pairs.values()) {
      if (nextCheckAt !== undefined && (next === undefined || nextCheckAt < next)) next = nextCheckAt;
    }
    return next === undefined ? undefined : Math.max(next, this.#nextSlotAt);
  }

  /** The best pair whose check is due, if the pace allows one now. */
  takeDue(now: number, pacer: TokenBucket): CandidatePair | undefined {
    if (now < this.#nextSlotAt) return undefined;
    let due: CandidatePair | undefined;
    for (const pair of this.pairs.values()) {
      if (pair.nextCheckAt === undefined || pair.nextCheckAt > now) continue;
      if (due === undefined || comesBefore(pair, due)) due = pair;
    }
    if (due === undefined) return undefined;
    for (const limit of [this.#budget, pacer]) {
      if (limit.take(now)) continue;
      this.#nextSlotAt = now + limit.waitMs(now);
      return undefined;
    }
    this.#nextSlotAt = now + CHECK_PACING_MS;
    return due;
  }

  /** May a check go now that was triggered by one of the peer's? It goes out of turn, but at the peer's expense. */
  takeTriggered(now: number): boolean {
    return this.#budget.take(now);
  }

  /**
   * At most `maxPairs` of those that count, but at least one of each tier and family. Those that do not count are few for other
   * reasons: peer-reflexive and relayed candidates have limits of their own, as have the pairs of each allocation.
   */
  #prune(all: CandidatePair[]): CandidatePair[] {
    const pairs = this.#pruneAllocations(all);
    const exempt = (pair: CandidatePair) => pair.connection === 'relayed' || pair.remote.type === 'peer-reflexive';
    const proven = (pair: CandidatePair) => (pair.state === 'succeeded' ? 1 : 0);
    const counted = pairs
      .filter((pair) => !exempt(pair))
      .sort((a, b) => proven(b) - proven(a) || b.remote.priority - a.remote.priority);
    const kept = counted.slice(0, this.maxPairs);
    const kinds = new Set(kept.map(kindOf));
    for (const pair of counted.slice(this.maxPairs)) {
      if (!kinds.has(kindOf(pair))) {
        kinds.add(kindOf(pair));
        kept.push(pair);
      } else this.rejections.push({ remote: pair.remote, reason: `more than ${this.maxPairs} candidate pairs` });
    }
    return [...kept, ...pairs.filter(exempt)];
  }

  /** Of the pairs of an allocation those with the lowest priority first: private addresses come last there. */
  #pruneAllocations(pairs: CandidatePair[]): CandidatePair[] {
    const counts = new Map<string, number>();
    const dropped = new Set<CandidatePair>();
    const counted = pairs.filter(({ base, remote }) => base.kind === 'allocation' && !this.#isUnsignalled(remote));
    const proven = (pair: CandidatePair) => (pair.state === 'succeeded' ? 1 : 0);
    for (const pair of counted.sort((a, b) => proven(b) - proven(a) || a.remote.priority - b.remote.priority)) {
      const count = counts.get(pair.base.id) ?? 0;
      counts.set(pair.base.id, count + 1);
      if (count < MAX_PAIRS_PER_ALLOCATION) continue;
      dropped.add(pair);
      this.rejections.push({ remote: pair.remote, reason: `more than ${MAX_PAIRS_PER_ALLOCATION} pairs of a relay` });
    }
    return dropped.size === 0 ? pairs : pairs.filter((pair) => !dropped.has(pair));
  }

  #isUnsignalled({ address }: RemoteCandidate): boolean {
    return this.#unsignalled.has(formatAddress(address));
  }
}

function kindOf(pair: CandidatePair): string {
  return `${pair.connection}/${pair.base.family}`;
}

/**
 * Pairs never tried go before pairs tried less recently; of the first round those with one relay go first, which work
 * behind any NAT; then the better tier and the higher priority.
 */
function comesBefore(a: CandidatePair, b: CandidatePair): boolean {
  if (a.attempts !== b.attempts) return a.attempts < b.attempts;
  if (a.attempts === 0 && (a.relayHops === 1) !== (b.relayHops === 1)) return a.relayHops === 1;
  if (a.tier !== b.tier) return a.tier < b.tier;
  return a.remote.priority > b.remote.priority;
}
