import { createRequire } from 'node:module';

/** The part of sodium-native that is used here. */
export interface Sodium {
  crypto_aead_chacha20poly1305_ietf_encrypt: SodiumSeal;
  crypto_aead_chacha20poly1305_ietf_decrypt: SodiumOpen;
  crypto_aead_xchacha20poly1305_ietf_encrypt: SodiumSeal;
  crypto_aead_xchacha20poly1305_ietf_decrypt: SodiumOpen;
}
type SodiumSeal = (
  out: Uint8Array,
  message: Uint8Array,
  ad: Uint8Array | null,
  nsec: null,
  nonce: Uint8Array,
  key: Uint8Array,
) => number;
type SodiumOpen = (
  out: Uint8Array,
  nsec: null,
  ciphertext: Uint8Array,
  ad: Uint8Array | null,
  nonce: Uint8Array,
  key: Uint8Array,
) => number;

/**
 * Loads libsodium, on first use.
 * @throws Error where sodium-native has no build for this machine.
 */
export function loadSodium(): Sodium {
  return createRequire(import.meta.url)('sodium-native') as Sodium;
}
