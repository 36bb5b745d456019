import type { PacketMemory } from '@wirepath/linux';
import { TAG_BYTES, type PacketCipher, type PacketKey } from './packet-cipher.js';
import { loadSodium, type Sodium } from './sodium-native.js';

/**
 * libsodium, which takes typed arrays and no addresses: two small objects a packet.
 * @throws Error where sodium-native has no build for this machine.
 */
export function sodiumCipher(memory: PacketMemory): PacketCipher {
  const sodium = loadSodium();
  return { name: 'sodium', key: (bytes) => new SodiumKey(sodium, memory.bytes, bytes) };
}

class SodiumKey implements PacketKey {
  readonly #sodium: Sodium;
  readonly #memory: Uint8Array;
  readonly #key: Uint8Array;
  readonly #nonce = new Uint8Array(12);
  readonly #counter = new DataView(this.#nonce.buffer, 4);

  constructor(sodium: Sodium, memory: Uint8Array, bytes: Uint8Array) {
    this.#sodium = sodium;
    this.#memory = memory;
    this.#key = Uint8Array.from(bytes);
  }

  seal(counterHigh: number, counterLow: number, source: number, length: number, target: number): void {
    this.#count(counterHigh, counterLow);
    const plaintext = this.#memory.subarray(source, source + length);
    const sealed = this.#memory.subarray(target, target + length + TAG_BYTES);
    this.#sodium.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, plaintext, null, null, this.#nonce, this.#key);
  }

  open(counterHigh: number, counterLow: number, source: number, length: number, target: number): boolean {
    this.#count(counterHigh, counterLow);
    const sealed = this.#memory.subarray(source, source + length + TAG_BYTES);
    const plaintext = this.#memory.subarray(target, target + length);
    try {
      this.#sodium.crypto_aead_chacha20poly1305_ietf_decrypt(plaintext, null, sealed, null, this.#nonce, this.#key);
      return true;
    } catch {
      // The lengths are right by construction, so what it throws is the tag that does not fit.
      return false;
    }
  }

  destroy(): void {
    this.#key.fill(0);
  }

  #count(high: number, low: number): void {
    this.#counter.setUint32(0, low, true);
    this.#counter.setUint32(4, high, true);
  }
}
