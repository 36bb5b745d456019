import type { RandomSource } from '@wirepath/core/plugin';
import type { Holder } from './fair-share.js';
import type { RelayPort } from './relay-ports.js';

/** RFC 8656, section 7.2: at least 30 s. */
const RESERVATION_LIFETIME_MS = 30_000;

interface Reservation {
  readonly port: RelayPort;
  readonly holder: Holder;
  readonly expiresAtMs: number;
}

/** Ports kept by EVEN-PORT with its R bit, until the same user asks for them by RESERVATION-TOKEN or time is up. */
export class PortReservations {
  readonly #random: RandomSource;
  readonly #byToken = new Map<string, Reservation>();

  constructor(random: RandomSource) {
    this.#random = random;
  }

  get size(): number {
    return this.#byToken.size;
  }

  holders(): Holder[] {
    return Array.from(this.#byToken.values(), ({ holder }) => holder);
  }

  /** @returns the token: 8 bytes. */
  keep(port: RelayPort, holder: Holder, nowMs: number): Uint8Array {
    const token = this.#random.bytes(8);
    const key = Buffer.from(token).toString('hex');
    this.#byToken.set(key, { port, holder, expiresAtMs: nowMs + RESERVATION_LIFETIME_MS });
    return token;
  }

  /** Whether {@link take} would find one. @param token hexadecimal. */
  has(token: string, username: string, nowMs: number): boolean {
    const reservation = this.#byToken.get(token);
    return reservation?.holder.user === username && reservation.expiresAtMs > nowMs;
  }

  /** @param token hexadecimal. */
  take(token: string, username: string, nowMs: number): RelayPort | undefined {
    const reservation = this.#byToken.get(token);
    if (reservation === undefined || reservation.holder.user !== username || reservation.expiresAtMs <= nowMs)
      return undefined;
    this.#byToken.delete(token);
    return reservation.port;
  }

  /** Removes what has expired, and with `Infinity` everything. @returns the ports to close. */
  expire(nowMs: number): RelayPort[] {
    const expired: RelayPort[] = [];
    for (const [token, { port, expiresAtMs }] of this.#byToken) {
      if (expiresAtMs > nowMs) continue;
      this.#byToken.delete(token);
      expired.push(port);
    }
    return expired;
  }
}
