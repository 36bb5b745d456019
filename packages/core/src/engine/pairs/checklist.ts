import { formatAddress, type TransportAddress } from '@wirepath/stun-codec';
import { pathKeyOf, type EnginePath, type LocalBase } from '../engine-path.js';
import { CandidatePair } from './candidate-pair.js';
import { CheckPacing } from './check-pacing.js';
import { prunePairs } from './pair-pruning.js';
import { RemoteCandidates, type Rejection, type RemoteCandidate } from './remote-candidates.js';

/** The pairs with one peer (RFC 8445 checklist). */
export class Checklist {
  /** By {@link pathKeyOf}. */
  readonly pairs = new Map<string, CandidatePair>();
  readonly remotes = new RemoteCandidates();
  readonly pacing = new CheckPacing(this.pairs);
  rejections: Rejection[] = [];
  /** Pairs of bases that are not everybody's (hard NATs): they stay until unpinned. */
  readonly pinned = new Map<string, CandidatePair>();

  constructor(readonly maxPairs: number) {}

  /** As {@link RemoteCandidates.setSignalled}; pairs take the signalled type too. */
  setSignalled(remotes: readonly RemoteCandidate[]): void {
    this.remotes.setSignalled(remotes);
    for (const pair of this.pairs.values()) pair.remote = this.remotes.signalled(pair.remote.address) ?? pair.remote;
  }

  /**
   * Forms the pairs of every base with every remote candidate of its family, keeping what is known of those that stay.
   * @param keep stays even without its candidate: it carries traffic.
   * @param refuse why an address must not be sent to, or undefined.
   * @param whyLoop what says that a base reaches an address through our own tunnel, or undefined.
   * @returns the pairs that are no more.
   */
  form(
    bases: readonly LocalBase[],
    keep: CandidatePair | undefined,
    refuse: (remote: RemoteCandidate) => string | undefined,
    whyLoop: (base: LocalBase, remote: TransportAddress) => string | undefined = () => undefined,
  ): CandidatePair[] {
    this.rejections = [...this.remotes.unheeded];
    const fresh: CandidatePair[] = [];
    for (const remote of this.remotes.all) {
      const reason = refuse(remote);
      if (reason !== undefined) {
        this.rejections.push({ remote, reason });
        continue;
      }
      const mates = bases.filter((base) => base.family === remote.address.family);
      if (mates.length === 0) this.rejections.push({ remote, reason: `no IPv${remote.address.family} socket here` });
      for (const base of mates) {
        const loop = whyLoop(base, remote.address);
        if (loop !== undefined) {
          this.rejections.push({ remote, reason: loop, loopFrom: base });
          continue;
        }
        const key = pathKeyOf({ baseId: base.id, remote: remote.address });
        fresh.push(this.pairs.get(key) ?? new CandidatePair(base, remote));
      }
    }
    const { kept, rejections } = prunePairs(fresh, {
      maxPairs: this.maxPairs,
      isUnsignalled: (remote) => this.remotes.isUnsignalled(remote),
    });
    this.rejections.push(...rejections);
    const retiring = new Set(bases.filter(({ isRetiring }) => isRetiring === true).map(({ id }) => id));
    for (const pair of [...kept, ...(keep === undefined ? [] : [keep])])
      pair.isRetiring = retiring.has(pair.base.id) || this.remotes.isWithdrawn(pair.remote);
    return this.#replace([...kept, ...this.pinned.values(), ...(keep === undefined ? [] : [keep])]);
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

  /** Whether the peer still sends to a base of ours. */
  wasHeardOn(baseId: string, sinceMs: number): boolean {
    return [...this.pairs.values()].some(
      ({ base, lastHeardAt = -Infinity }) => base.id === baseId && lastHeardAt >= sinceMs,
    );
  }

  /** No more ordinary checks: what has not answered by now has failed. */
  endProbing(): void {
    const proven = new Set<string>();
    for (const pair of this.pairs.values()) {
      if (pair.state === 'waiting' || pair.state === 'in-progress') pair.fail();
      if (pair.state === 'succeeded') proven.add(formatAddress(pair.remote.address));
      pair.schedule.stop();
    }
    this.remotes.forgetUnproven(({ address }) => proven.has(formatAddress(address)));
  }

  /** @returns the pairs that are no more. */
  #replace(wanted: readonly CandidatePair[]): CandidatePair[] {
    const before = [...this.pairs.values()];
    this.pairs.clear();
    for (const pair of wanted) this.pairs.set(pair.key, pair);
    return before.filter(({ key }) => !this.pairs.has(key));
  }
}
