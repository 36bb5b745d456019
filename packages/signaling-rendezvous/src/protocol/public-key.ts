import type { PublicKey } from '@wirepath/core/plugin';
import { KEY_BYTES } from './rendezvous-v1.js';

// 32 bytes are 43 characters and one pad; the last character carries 4 bits, so its 2 low bits are zero.
const CANONICAL = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** @returns the raw 32 bytes, or undefined when `key` is not the canonical base64 of a key. */
export function publicKeyBytes(key: PublicKey): Buffer | undefined {
  return CANONICAL.test(key) ? Buffer.from(key, 'base64') : undefined;
}

/** @param bytes 32 bytes. */
export function publicKeyText(bytes: Uint8Array): PublicKey {
  return Buffer.from(bytes.buffer, bytes.byteOffset, KEY_BYTES).toString('base64');
}
