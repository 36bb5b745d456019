import { hash, timingSafeEqual } from 'node:crypto';
import type { RandomSource } from '@wirepath/core/plugin';

/** RFC 8489, section 9.2.4, wants nonces to expire; a client then answers one 438. */
export const NONCE_LIFETIME_MS = 30 * 60 * 1000;
/** For so long an expired one still shows that its client can be reached where it says it is. */
const PROOF_LIFETIME_MS = 24 * 60 * 60 * 1000;
const KEY_BYTES = 32;
const TIME_BYTES = 6;
const MAC_BYTES = 12;
/** Of the text: what is longer is not even decoded. */
export const NONCE_LENGTH = ((TIME_BYTES + MAC_BYTES) * 4) / 3;

/**
 * `valid`; `stale`: of ours and this client's, but old (438); `foreign`: of nobody, of another client, or of another run.
 * Only who has received something at the 5-tuple can have one of the first two, so a forged source cannot.
 */
export type NonceVerdict = 'valid' | 'stale' | 'foreign';

/**
 * Nonces that prove themselves: the time of issue and a MAC of it and of the 5-tuple, under a key of this run. No table,
 * so requests without credentials cannot fill one.
 */
export class SignedNonces {
  readonly #key: Uint8Array;

  constructor(random: RandomSource) {
    this.#key = random.bytes(KEY_BYTES);
  }

  /** @param tuple the 5-tuple as text. */
  issue(tuple: string, unixMs: number): string {
    const bytes = Buffer.allocUnsafe(TIME_BYTES + MAC_BYTES);
    bytes.writeUIntBE(unixMs, 0, TIME_BYTES);
    bytes.set(this.#mac(bytes.subarray(0, TIME_BYTES), tuple), TIME_BYTES);
    return bytes.toString('base64url');
  }

  judge(nonce: string, tuple: string, unixMs: number): NonceVerdict {
    if (nonce.length !== NONCE_LENGTH) return 'foreign';
    const bytes = Buffer.from(nonce, 'base64url');
    if (bytes.length !== TIME_BYTES + MAC_BYTES) return 'foreign';
    const time = bytes.subarray(0, TIME_BYTES);
    if (!timingSafeEqual(bytes.subarray(TIME_BYTES), this.#mac(time, tuple))) return 'foreign';
    const ageMs = unixMs - time.readUIntBE(0, TIME_BYTES);
    if (ageMs >= 0 && ageMs < NONCE_LIFETIME_MS) return 'valid';
    // A clock that was set back makes it old, not forged.
    return ageMs < PROOF_LIFETIME_MS ? 'stale' : 'foreign';
  }

  isValid(nonce: string, tuple: string, unixMs: number): boolean {
    return this.judge(nonce, tuple, unixMs) === 'valid';
  }

  /** A keyed BLAKE2s: BLAKE2 takes the key in front of the message, and one call costs half of an HMAC, which anybody can ask for. */
  #mac(time: Buffer, tuple: string): Buffer {
    const message = Buffer.allocUnsafe(KEY_BYTES + TIME_BYTES + tuple.length);
    message.set(this.#key);
    message.set(time, KEY_BYTES);
    // Addresses and ports are ASCII.
    message.write(tuple, KEY_BYTES + TIME_BYTES, 'latin1');
    return hash('blake2s256', message, 'buffer').subarray(0, MAC_BYTES);
  }
}
