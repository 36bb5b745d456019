import { createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { blake2s } from '@noble/hashes/blake2.js';

/** The primitives of the WireGuard paper, section 5.4, apart from the AEADs (aead.ts). */

export const KEY_BYTES = 32;
export const HASH_BYTES = 32;
export const MAC_BYTES = 16;

// The fixed ASN.1 around a raw X25519 key (RFC 8410).
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

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

/** DH-GENERATE and key loading: the pair of 32 private bytes (clamped by X25519 itself). */
export function dhKeyPair(privateBytes: Uint8Array): DhKeyPair {
  const der = Buffer.concat([PKCS8_PREFIX, privateBytes]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { privateKey, publicKey: Uint8Array.from(spki.subarray(SPKI_PREFIX.length)) };
}

/** DH. @returns undefined when the result is all zero, which a low-order public key forces: never a secret. */
export function dh(privateKey: KeyObject, publicBytes: Uint8Array): Uint8Array | undefined {
  const der = Buffer.concat([SPKI_PREFIX, publicBytes]);
  try {
    return diffieHellman({ privateKey, publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }) });
  } catch {
    // OpenSSL refuses to derive the all-zero secret; any 32 bytes are otherwise a valid X25519 public key.
    return undefined;
  }
}
