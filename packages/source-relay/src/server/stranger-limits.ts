import { KeyedShares, sourceGroup, SourceShares, type RandomSource, type Share } from '@wirepath/core/plugin';

/** A source is an IPv4 address or an IPv6 /64, and above that a /48 with sixteen times as much. */
export interface StrangerShares {
  /** Bytes of answers to Binding requests, to one source. */
  readonly bindingBytes: Share;
  /** Bytes of answers to TURN requests that prove nothing, to one source. */
  readonly challengeBytes: Share;
  /** Requests with a nonce of ours, of one source, and as many of each living allocation. */
  readonly provenRequests: Share;
  /** Wrong credentials, of one source under one name. */
  readonly failures: Share;
}

/**
 * Enough for a campus behind one NAT, little enough to make the server useless for aiming at third parties: 16 KiB/s are
 * some 290 answers to Binding requests, or 190 challenges.
 */
export const DEFAULT_STRANGER_SHARES: StrangerShares = {
  bindingBytes: { perSecond: 16_384, burst: 65_536 },
  challengeBytes: { perSecond: 16_384, burst: 65_536 },
  provenRequests: { perSecond: 500, burst: 2000 },
  failures: { perSecond: 5, burst: 50 },
};

/**
 * What strangers may cost. Each kind of request has shares of its own, and each source within it: forged sources use up
 * their own shares only, and who shows a nonce that was sent to his 5-tuple is no stranger. There is no limit for all
 * together, because whatever is for all is the attacker's.
 */
export class StrangerLimits {
  readonly #binding: SourceShares;
  readonly #bindingOfAllocations: KeyedShares;
  readonly #challenge: SourceShares;
  readonly #proven: SourceShares;
  readonly #provenOfAllocations: KeyedShares;
  readonly #failures: KeyedShares;

  constructor(limits: StrangerShares, random: RandomSource) {
    this.#binding = new SourceShares(limits.bindingBytes, random);
    this.#bindingOfAllocations = new KeyedShares(limits.bindingBytes, random);
    this.#challenge = new SourceShares(limits.challengeBytes, random);
    this.#proven = new SourceShares(limits.provenRequests, random);
    this.#provenOfAllocations = new KeyedShares(limits.provenRequests, random);
    this.#failures = new KeyedShares(limits.failures, random);
  }

  /** @param allocated the 5-tuple, where it has a living allocation: whoever forges the rest of its address takes nothing from it. */
  binding(ip: string, allocated: string | undefined, sizeBytes: number, nowMs: number): boolean {
    if (allocated !== undefined && this.#bindingOfAllocations.take(allocated, sizeBytes, nowMs)) return true;
    return this.#binding.take(ip, sizeBytes, nowMs);
  }

  challenge(ip: string, sizeBytes: number, nowMs: number): boolean {
    return this.#challenge.take(ip, sizeBytes, nowMs);
  }

  /** @param allocated the 5-tuple, where it has a living allocation. */
  proven(ip: string, allocated: string | undefined, nowMs: number): boolean {
    return allocated === undefined
      ? this.#proven.take(ip, 1, nowMs)
      : this.#provenOfAllocations.take(allocated, 1, nowMs);
  }

  /** @param username undefined for names that nobody has: they are one. */
  mayFail(ip: string, username: string | undefined, nowMs: number): boolean {
    return this.#failures.has(failureKey(ip, username), 1, nowMs);
  }

  failed(ip: string, username: string | undefined, nowMs: number): void {
    this.#failures.take(failureKey(ip, username), 1, nowMs);
  }
}

function failureKey(ip: string, username: string | undefined): string {
  return `${sourceGroup(ip).key} ${username ?? ''}`;
}
