import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { PacketMemory } from '@wirepath/linux';
import { TAG_BYTES, type PacketCipher, type PacketKey } from './packet-cipher.js';

const ALGORITHM = 'chacha20-poly1305';
const WITH_TAG = { authTagLength: TAG_BYTES };

/** OpenSSL through node:crypto: everywhere, on any memory, and the slowest: a packet takes a stream object and three buffers. */
export function nodeCipher(memory: PacketMemory): PacketCipher {
  return { name: 'node', key: (bytes) => new NodeKey(memory.bytes, bytes) };
}

class NodeKey implements PacketKey {
  readonly #memory: Uint8Array;
  readonly #key: Uint8Array;
  readonly #nonce = new DataView(new ArrayBuffer(12));

  constructor(memory: Uint8Array, bytes: Uint8Array) {
    this.#memory = memory;
    this.#key = Uint8Array.from(bytes);
  }

  seal(counterHigh: number, counterLow: number, source: number, length: number, target: number): void {
    const memory = this.#memory;
    this.#count(counterHigh, counterLow);
    const cipher = createCipheriv(ALGORITHM, this.#key, this.#nonce, WITH_TAG);
    memory.set(cipher.update(memory.subarray(source, source + length)), target);
    cipher.final();
    memory.set(cipher.getAuthTag(), target + length);
  }

  open(counterHigh: number, counterLow: number, source: number, length: number, target: number): boolean {
    const memory = this.#memory;
    this.#count(counterHigh, counterLow);
    const decipher = createDecipheriv(ALGORITHM, this.#key, this.#nonce, WITH_TAG);
    decipher.setAuthTag(memory.subarray(source + length, source + length + TAG_BYTES));
    memory.set(decipher.update(memory.subarray(source, source + length)), target);
    try {
      decipher.final();
      return true;
    } catch {
      // The tag does not fit: an answer, not an error.
      return false;
    }
  }

  destroy(): void {
    this.#key.fill(0);
  }

  #count(high: number, low: number): void {
    this.#nonce.setUint32(4, low, true);
    this.#nonce.setUint32(8, high, true);
  }
}
