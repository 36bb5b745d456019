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

/**
 * The points of small order on Curve25519 and its twist, little-endian: with any of these as public key every secret is
 * zero. 0, 1, two of order 8, p - 1, p and p + 1; the top bit is ignored, as X25519 does.
 */
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** Whether a public key is nobody's: told by looking it up, thousands of times quicker than by trying a handshake. */
export function isSmallOrder(publicKey: Uint8Array): boolean {
  const masked = Buffer.from(publicKey);
  masked[31] = (masked[31] ?? 0) & 127;
  return SMALL_ORDER.has(masked.toString('hex'));
}
