import { randomBytes } from 'node:crypto';
import { dhKeyPair, KEY_BYTES } from './crypto.js';

/**
 * WireGuard keys: 32 bytes, written as 44 characters of base64. A public key's canonical base64 is also its name here,
 * the key of every table and the argument of every call; private and preshared keys stay bytes.
 */

/** @returns undefined unless `text` is exactly what `wg` would print for some 32 bytes. */
export function parseKey(text: string): Uint8Array | undefined {
  if (text.length !== 44) return undefined;
  const key = Buffer.from(text, 'base64');
  // Buffer skips what is not base64 and ignores stray low bits: only text that comes out the same again counts.
  return key.length === KEY_BYTES && key.toString('base64') === text ? Uint8Array.from(key) : undefined;
}

/** @throws {RangeError} when the key is not 32 bytes. */
export function formatKey(key: Uint8Array): string {
  if (key.length !== KEY_BYTES) throw new RangeError('a WireGuard key is 32 bytes');
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('base64');
}

/** `wg genkey`: a clamped Curve25519 private key. */
export function generatePrivateKey(random: (size: number) => Uint8Array = randomBytes): Uint8Array {
  return clampPrivateKey(random(KEY_BYTES));
}

/** `wg genpsk`. */
export function generatePresharedKey(random: (size: number) => Uint8Array = randomBytes): Uint8Array {
  return Uint8Array.from(random(KEY_BYTES));
}

/** Clears and sets the bits that RFC 7748 section 5 fixes. Returns a new array. */
export function clampPrivateKey(privateKey: Uint8Array): Uint8Array {
  const key = Uint8Array.from(privateKey);
  key[0] = (key[0] ?? 0) & 248;
  key[31] = ((key[31] ?? 0) & 127) | 64;
  return key;
}

/**
 * `wg pubkey`.
 * @throws {RangeError} when the key is not 32 bytes.
 */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  if (privateKey.length !== KEY_BYTES) throw new RangeError('a WireGuard key is 32 bytes');
  return dhKeyPair(privateKey).publicKey;
}
