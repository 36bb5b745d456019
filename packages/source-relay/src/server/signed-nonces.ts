import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RandomSource } from '@wirepath/core/plugin';

/** RFC 8489, section 9.2.4, wants nonces to expire; a client then answers one 438. */
export const NONCE_LIFETIME_MS = 30 * 60 * 1000;
const TIME_BYTES = 6;
const MAC_BYTES = 12;

/**
 * Nonces that prove themselves: the time of issue and an HMAC of it and of the client's address, under a key of this
 * run. No table, so requests without credentials cannot fill one.
 */
export class SignedNonces {
  readonly #key: Uint8Array;

  constructor(random: RandomSource) {
    this.#key = random.bytes(32);
  }

  issue(client: string, unixMs: number): string {
    const time = Buffer.alloc(TIME_BYTES);
    time.writeUIntBE(unixMs, 0, TIME_BYTES);
    return Buffer.concat([time, this.#mac(time, client)]).toString('base64url');
  }

  /** False for one that we did not issue, or not to this client, or too long ago: stale (438). */
  isValid(nonce: string, client: string, unixMs: number): boolean {
    const bytes = Buffer.from(nonce, 'base64url');
    if (bytes.length !== TIME_BYTES + MAC_BYTES) return false;
    const time = bytes.subarray(0, TIME_BYTES);
    if (!timingSafeEqual(bytes.subarray(TIME_BYTES), this.#mac(time, client))) return false;
    const ageMs = unixMs - time.readUIntBE(0, TIME_BYTES);
    return ageMs >= 0 && ageMs < NONCE_LIFETIME_MS;
  }

  #mac(time: Buffer, client: string): Buffer {
    return createHmac('sha256', this.#key).update(time).update(client).digest().subarray(0, MAC_BYTES);
  }
}
