import { createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { blake2s } from '@noble/hashes/blake2.js';

/** The primitives of the WireGuard paper, section 5.4, apart from the AEADs (aead.ts). */

export const KEY_BYTES = 32;
export const HASH_BYTES = 32;
export const MAC_BYTES = 16;

/** HASH: BLAKE2s-256 over the concatenation of the parts. */
export function hash(...parts: (Uint8Array | string)[]): Uint8Array {
  const h = createHash('blake2s256');
  for (const part of parts) h.update(part);
  return h.digest();
}

/** HMAC-BLAKE2s-256. */
export function hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  const h = createHmac('blake2s256', key);
  for (const part of parts) h.update(part);
  return h.digest();
}

/** MAC: keyed BLAKE2s with 16 bytes of output. */
export function mac(key: Uint8Array, message: Uint8Array): Uint8Array {
  return blake2s(message, { key, dkLen: MAC_BYTES });
}

const BYTE_1 = Uint8Array.of(1);
const BYTE_2 = Uint8Array.of(2);
const BYTE_3 = Uint8Array.of(3);

/** KDF1: one output of HKDF with HMAC-BLAKE2s. */
export function kdf1(key: Uint8Array, input: Uint8Array): Uint8Array {
  return hmac(hmac(key, input), BYTE_1);
}

/** KDF2: two outputs. */
export function kdf2(key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const secret = hmac(key, input);
  const t1 = hmac(secret, BYTE_1);
  return [t1, hmac(secret, t1, BYTE_2)];
}

/** KDF3: three outputs. */
export function kdf3(key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
  const secret = hmac(key, input);
  const t1 = hmac(secret, BYTE_1);
  const t2 = hmac(secret, t1, BYTE_2);
  return [t1, t2, hmac(secret, t2, BYTE_3)];
}

/** An X25519 key pair; the private half lives inside OpenSSL. */
export interface DhKeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: Uint8Array;
}

// Raw X25519 keys as JSON Web Keys (RFC 8037): node:crypto reads DER ten times more slowly.
const OKP = { kty: 'OKP', crv: 'X25519' } as const;
const base64Url = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');

/** DH-GENERATE and key loading: the pair of 32 private bytes (clamped by X25519 itself). */
export function dhKeyPair(privateBytes: Uint8Array): DhKeyPair {
  const d = base64Url(privateBytes);
  // Node derives the public half from `d`; `x` has to be there and is not looked at. The self test makes sure.
  const privateKey = createPrivateKey({ key: { ...OKP, d, x: d }, format: 'jwk' });
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  return { privateKey, publicKey: Uint8Array.from(Buffer.from(x, 'base64url')) };
}

/** DH. @returns undefined when the result is all zero, which a low-order public key forces: never a secret. */
export function dh(privateKey: KeyObject, publicBytes: Uint8Array): Uint8Array | undefined {
  try {
    const publicKey = createPublicKey({ key: { ...OKP, x: base64Url(publicBytes) }, format: 'jwk' });
    return diffieHellman({ privateKey, publicKey });
  } catch {
    // OpenSSL refuses to derive the all-zero secret; any 32 bytes are otherwise a valid X25519 public key.
    return undefined;
  }
}
