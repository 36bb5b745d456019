import { createHmac, hkdfSync } from 'node:crypto';
import type { PublicKey } from '../../base/identity/identity.js';

/** A datagram's credential is good for the hour that its sender's clock shows, and for the ones before and after it. */
export const RECALL_SLOT_MS = 3_600_000;

/** Short-term credential (RFC 8489 9.1) of datagrams in one direction of a pair, in one hour. */
export interface RecallCredential {
  readonly username: string;
  readonly password: string;
}

/**
 * The key of one direction of a pair.
 * @param secret X25519 of the two static keys.
 */
export function recallKey(secret: Uint8Array, from: PublicKey, to: PublicKey): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', `nat-traversal recall v1\n${from}\n${to}`, 32));
}

/** Tells whoever lacks the key nothing of who it is; the recipient looks it up. */
export function recallCredential(key: Uint8Array, slot: number): RecallCredential {
  const derived = createHmac('sha512', key).update(`${slot}`).digest();
  return {
    username: derived.subarray(0, 15).toString('base64url'),
    password: derived.subarray(16, 40).toString('base64url'),
  };
}
