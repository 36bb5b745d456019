import type { PublicKey } from '../../base/identity/identity.js';
import type { CandidatePair } from './candidate-pair.js';
import type { Checklist } from './checklist.js';
import type { EngineEffect } from '../effects.js';
import type { EnginePath } from '../engine-path.js';
import { TokenBucket } from '../../base/limits/token-bucket.js';

/**
 * Permissions that one peer can have us ask for, at once and on average: a relay lets an allocation have a few hundred, each for
 * five minutes, and the other peers need theirs.
 */
export const PEER_PERMISSION_BURST = 64;
export const PEER_PERMISSIONS_PER_SECOND = 0.25;

export interface RelayPermissionsNeeds {
  readonly peer: PublicKey;
  readonly checklist: Checklist;
}

type Permit = Extract<EngineEffect, { type: 'permit' }>;
type Release = Extract<EngineEffect, { type: 'release' }>;

/** What our relays must let in (RFC 8656 9) before a pair with an allocation can be checked. */
export class RelayPermissions {
  readonly #needs: RelayPermissionsNeeds;
  readonly #wanted = new Set<CandidatePair>();
  readonly #budget = new TokenBucket(PEER_PERMISSIONS_PER_SECOND, PEER_PERMISSION_BURST);

  constructor(needs: RelayPermissionsNeeds) {
    this.#needs = needs;
  }

  /** Can nothing be sent on the pair yet? */
  static isNeededFor({ base, isPermitted, state }: CandidatePair): boolean {
    return base.kind === 'allocation' && !isPermitted && state !== 'permitting';
  }

  /** Asked for with the next {@link requestWanted}. */
  want(pair: CandidatePair): void {
    this.#wanted.add(pair);
  }

  get isAnyWanted(): boolean {
    return this.#wanted.size > 0;
  }

  /** To be called after the checks that are due, which need no permission; of several the likeliest first, private addresses last. */
  requestWanted(now: number): Permit[] {
    const wanted = [...this.#wanted].sort((a, b) => a.remote.priority - b.remote.priority);
    this.#wanted.clear();
    return wanted
      .filter((pair) => RelayPermissions.isNeededFor(pair) && this.#needs.checklist.get(pair.path) === pair)
      .flatMap((pair) => this.request(pair, now));
  }

  request(pair: CandidatePair, now: number): Permit[] {
    if (!this.#budget.take(now)) {
      pair.fail('the peer has named too many addresses for our relay to let in');
      return [];
    }
    pair.state = 'permitting';
    pair.schedule.stop();
    return [{ type: 'permit', peer: this.#needs.peer, path: pair.path }];
  }

  /** The relay has answered. @param error why it does not let the peer in. */
  answered(path: EnginePath, error: string | undefined, now: number): void {
    const pair = this.#needs.checklist.get(path);
    if (pair === undefined || pair.state !== 'permitting') return;
    pair.isPermitted = error === undefined;
    if (error !== undefined) return pair.fail(error);
    pair.state = 'waiting';
    pair.schedule.nextAt = now;
  }

  /** Pairs that are no more: nothing of them stays at relays. */
  static release(pairs: Iterable<CandidatePair>): Release[] {
    return [...pairs].filter(({ base }) => base.kind === 'allocation').map(({ path }) => ({ type: 'release', path }));
  }
}
