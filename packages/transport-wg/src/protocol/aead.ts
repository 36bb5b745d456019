import { createCipheriv, createDecipheriv } from 'node:crypto';
import { loadSodium } from '../crypto/sodium-native.js';

export const AEAD_TAG_BYTES = 16;

/**
 * One ChaCha20-Poly1305 key (RFC 8439). The nonce is WireGuard's: four zero bytes, then the 64-bit counter, little
 * endian. Works in place, so that a datagram needs one buffer only.
 */
export interface AeadKey {
  /** Encrypts `buffer[offset, offset + length)` in place and writes the tag behind it. */
  seal(
    counterHigh: number,
    counterLow: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    ad?: Uint8Array,
  ): void;
  /**
   * Verifies and decrypts in place; `length` counts ciphertext and tag.
   * @returns false when the tag does not fit; the bytes are then worthless.
   */
  open(
    counterHigh: number,
    counterLow: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    ad?: Uint8Array,
  ): boolean;
  /** Forgets the key; nothing may be sealed or opened afterwards. */
  destroy(): void;
}

/** A ChaCha20-Poly1305 implementation. */
export interface Aead {
  readonly name: string;
  /** Copies the 32 key bytes. */
  key(bytes: Uint8Array): AeadKey;
  /** XChaCha20-Poly1305 with a 24-byte nonce: ciphertext and tag. */
  xSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, ad: Uint8Array): Uint8Array;
  /** @returns undefined when the tag does not fit. */
  xOpen(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, ad: Uint8Array): Uint8Array | undefined;
}

/** Writes the 12-byte nonce of a counter. */
export function writeNonce(nonce: Uint8Array, counterHigh: number, counterLow: number): void {
  nonce[4] = counterLow;
  nonce[5] = counterLow >>> 8;
  nonce[6] = counterLow >>> 16;
  nonce[7] = counterLow >>> 24;
  nonce[8] = counterHigh;
  nonce[9] = counterHigh >>> 8;
  nonce[10] = counterHigh >>> 16;
  nonce[11] = counterHigh >>> 24;
}

/**
 * libsodium, four times as fast on packets as node:crypto's streams.
 * @throws when sodium-native has no build for this machine.
 */
export function sodiumAead(): Aead {
  const sodium = loadSodium();
  const nonce = new Uint8Array(12);
  return {
    name: 'sodium-native',
    key(bytes) {
      const key = Uint8Array.from(bytes);
      return {
        seal(counterHigh, counterLow, buffer, offset, length, ad) {
          writeNonce(nonce, counterHigh, counterLow);
          const plaintext = buffer.subarray(offset, offset + length);
          const sealed = buffer.subarray(offset, offset + length + AEAD_TAG_BYTES);
          sodium.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, plaintext, ad ?? null, null, nonce, key);
        },
        open(counterHigh, counterLow, buffer, offset, length, ad) {
          if (length < AEAD_TAG_BYTES) return false;
          writeNonce(nonce, counterHigh, counterLow);
          const plaintext = buffer.subarray(offset, offset + length - AEAD_TAG_BYTES);
          const sealed = buffer.subarray(offset, offset + length);
          try {
            sodium.crypto_aead_chacha20poly1305_ietf_decrypt(plaintext, null, sealed, ad ?? null, nonce, key);
            return true;
          } catch {
            // The lengths are right by construction, so what it throws is the tag that does not fit.
            return false;
          }
        },
        destroy: () => void key.fill(0),
      };
    },
    xSeal(key, nonce24, plaintext, ad) {
      const sealed = new Uint8Array(plaintext.length + AEAD_TAG_BYTES);
      sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, plaintext, ad, null, nonce24, key);
      return sealed;
    },
    xOpen(key, nonce24, sealed, ad) {
      if (sealed.length < AEAD_TAG_BYTES) return undefined;
      const plaintext = new Uint8Array(sealed.length - AEAD_TAG_BYTES);
      try {
        sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(plaintext, null, sealed, ad, nonce24, key);
        return plaintext;
      } catch {
        // As above: a tag that does not fit.
        return undefined;
      }
    },
  };
}

/** OpenSSL through node:crypto: everywhere, and slower per packet. */
export function nodeAead(): Aead {
  const nonce = new Uint8Array(12);
  return {
    name: 'node:crypto',
    key(bytes) {
      const key = Uint8Array.from(bytes);
      return {
        seal(counterHigh, counterLow, buffer, offset, length, ad) {
          writeNonce(nonce, counterHigh, counterLow);
          nodeSeal(key, nonce, buffer, offset, length, ad);
        },
        open(counterHigh, counterLow, buffer, offset, length, ad) {
          writeNonce(nonce, counterHigh, counterLow);
          return nodeOpen(key, nonce, buffer, offset, length, ad);
        },
        destroy: () => void key.fill(0),
      };
    },
    xSeal(key, nonce24, plaintext, ad) {
      const sealed = new Uint8Array(plaintext.length + AEAD_TAG_BYTES);
      sealed.set(plaintext);
      nodeSeal(hChaCha20(key, nonce24), xNonce(nonce24), sealed, 0, plaintext.length, ad);
      return sealed;
    },
    xOpen(key, nonce24, sealed, ad) {
      const buffer = Uint8Array.from(sealed);
      const ok = nodeOpen(hChaCha20(key, nonce24), xNonce(nonce24), buffer, 0, buffer.length, ad);
      return ok ? buffer.subarray(0, buffer.length - AEAD_TAG_BYTES) : undefined;
    },
  };
}

function nodeSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  buffer: Uint8Array,
  offset: number,
  length: number,
  ad: Uint8Array | undefined,
): void {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: AEAD_TAG_BYTES });
  if (ad !== undefined) cipher.setAAD(ad, { plaintextLength: length });
  buffer.set(cipher.update(buffer.subarray(offset, offset + length)), offset);
  cipher.final();
  buffer.set(cipher.getAuthTag(), offset + length);
}

function nodeOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  buffer: Uint8Array,
  offset: number,
  length: number,
  ad: Uint8Array | undefined,
): boolean {
  const plaintextLength = length - AEAD_TAG_BYTES;
  if (plaintextLength < 0) return false;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: AEAD_TAG_BYTES });
  if (ad !== undefined) decipher.setAAD(ad, { plaintextLength });
  decipher.setAuthTag(buffer.subarray(offset + plaintextLength, offset + length));
  const plaintext = decipher.update(buffer.subarray(offset, offset + plaintextLength));
  try {
    decipher.final();
  } catch {
    // The tag does not fit: an answer, not an error.
    return false;
  }
  buffer.set(plaintext, offset);
  return true;
}

/** XChaCha20's inner nonce: four zero bytes and the last eight of the outer one. */
function xNonce(nonce24: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce.set(nonce24.subarray(16), 4);
  return nonce;
}

/**
 * HChaCha20 (draft-irtf-cfrg-xchacha section 2.2). OpenSSL offers only ChaCha20's block function, which adds the
 * initial state after the rounds: its first and last rows minus that state, all of it known here, are HChaCha20's
 * output.
 */
function hChaCha20(key: Uint8Array, nonce24: Uint8Array): Uint8Array {
  const nonce16 = nonce24.subarray(0, 16);
  const block = createCipheriv('chacha20', key, nonce16).update(new Uint8Array(64));
  const initial = Buffer.concat([Buffer.from('expand 32-byte k', 'latin1'), nonce16]);
  const out = Buffer.alloc(32);
  for (let i = 0; i < 8; i++) {
    const word = block.readUInt32LE(i < 4 ? i * 4 : 48 + (i - 4) * 4);
    out.writeUInt32LE((word - initial.readUInt32LE(i * 4)) >>> 0, i * 4);
  }
  return out;
}
