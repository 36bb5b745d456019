import { UNDER_LOAD_AFTER_TIME_MS, UNDER_LOAD_HANDSHAKES_PER_SECOND } from './constants.js';
import type { CookieChecker } from './cookie.js';
import { RateLimiter, rateLimitGroup, rateLimitKey } from './rate-limiter.js';

export type Admission = 'admitted' | 'mac1' | 'cookie' | 'rate-limited';

/**
 * Which handshake messages are worth their public-key arithmetic (paper section 5.3): those with a valid mac1; and
 * while more arrive than the device wants to compute, only those whose sender has proven its address, at a limited
 * rate each.
 */
export class HandshakeAdmission {
  readonly #limit: number;
  readonly #rateLimiter = new RateLimiter();
  #windowStartMs = -Infinity;
  #inWindow = 0;
  #underLoadUntilMs = -Infinity;

  constructor(handshakesPerSecond: number = UNDER_LOAD_HANDSHAKES_PER_SECOND) {
    this.#limit = handshakesPerSecond;
  }

  /** @returns 'cookie' when the sender is to be sent a cookie reply instead. */
  admit(checker: CookieChecker, datagram: Uint8Array, source: () => Uint8Array, now: number): Admission {
    if (!checker.hasValidMac1(datagram)) return 'mac1';
    this.#count(now);
    if (!this.underLoad(now)) return 'admitted';
    const sourceBytes = source();
    if (!checker.hasValidMac2(datagram, sourceBytes, now)) return 'cookie';
    const isWithinRate = this.#rateLimiter.allow(rateLimitKey(sourceBytes), now, rateLimitGroup(sourceBytes));
    return isWithinRate ? 'admitted' : 'rate-limited';
  }

  underLoad(now: number): boolean {
    return now < this.#underLoadUntilMs;
  }

  #count(now: number): void {
    if (now - this.#windowStartMs >= 1000) {
      this.#windowStartMs = now;
      this.#inWindow = 0;
    }
    this.#inWindow++;
    if (this.#inWindow > this.#limit) this.#underLoadUntilMs = now + UNDER_LOAD_AFTER_TIME_MS;
  }
}
