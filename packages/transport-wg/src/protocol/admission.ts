import { HANDSHAKE_LOOKS_PER_SECOND, UNDER_LOAD_AFTER_TIME_MS, UNDER_LOAD_HANDSHAKES_PER_SECOND } from './constants.js';
import type { CookieChecker } from './cookie.js';
import { claimsCookie, INITIATION_BYTES, MESSAGE_INITIATION } from './messages.js';
import { RateLimiter, rateLimitGroup, rateLimitKey } from './rate-limiter.js';

export type Admission = 'admitted' | 'overload' | 'mac1' | 'cookie' | 'rate-limited';

/**
 * Which handshake messages are worth their public-key arithmetic (paper section 5.3): those with a valid mac1; and
 * while more arrive than the device wants to compute, only those whose sender has proven its address, at a limited
 * rate each. Checking a mac costs as much as ten packets of data do, so that beyond what a tenth of a core can check, a message is
 * not looked at: live tunnels go on. Those that claim a proof have a share of their own.
 */
export class HandshakeAdmission {
  readonly #limit: number;
  readonly #rateLimiter = new RateLimiter();
  #windowStartMs = -Infinity;
  #inWindow = 0;
  #underLoadUntilMs = -Infinity;
  readonly #looks = { proven: new Looks(), others: new Looks() };

  constructor(handshakesPerSecond: number = UNDER_LOAD_HANDSHAKES_PER_SECOND) {
    this.#limit = handshakesPerSecond;
  }

  /** @param isExpected it answers a message of ours. @returns 'cookie' when the sender is to be sent a cookie reply instead. */
  admit(
    checker: CookieChecker,
    datagram: Uint8Array,
    source: () => Uint8Array,
    now: number,
    isExpected = false,
  ): Admission {
    const looks = isExpected || checker.claimsCookie(datagram) ? this.#looks.proven : this.#looks.others;
    if (!looks.take(now)) return 'overload';
    if (!checker.hasValidMac1(datagram)) return 'mac1';
    this.#count(now);
    if (!this.underLoad(now)) return 'admitted';
    const sourceBytes = source();
    if (!checker.hasValidMac2(datagram, sourceBytes, now)) return 'cookie';
    const isWithinRate = this.#rateLimiter.allow(rateLimitKey(sourceBytes), now, rateLimitGroup(sourceBytes));
    return isWithinRate ? 'admitted' : 'rate-limited';
  }

  /** False for an initiation that there is no time to look at; whatever else it is, is wanted. */
  isWanted(view: DataView, offset: number, sizeBytes: number, now: number): boolean {
    if (sizeBytes !== INITIATION_BYTES || view.getUint32(offset, true) !== MESSAGE_INITIATION) return true;
    return (claimsCookie(view, offset) ? this.#looks.proven : this.#looks.others).has(now);
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

/** A token bucket of a second's looks. */
class Looks {
  #left = HANDSHAKE_LOOKS_PER_SECOND;
  #atMs = -Infinity;

  take(now: number): boolean {
    if (!this.has(now)) return false;
    this.#left -= 1;
    return true;
  }

  has(now: number): boolean {
    const passedMs = Math.max(0, now - this.#atMs);
    this.#atMs = now;
    this.#left = Math.min(HANDSHAKE_LOOKS_PER_SECOND, this.#left + (passedMs * HANDSHAKE_LOOKS_PER_SECOND) / 1000);
    return this.#left >= 1;
  }
}
