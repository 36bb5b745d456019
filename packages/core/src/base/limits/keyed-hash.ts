import type { RandomSource } from '../time/clock.js';

/**
 * HalfSipHash-1-3 of text under a key of this object's own: who does not know the key cannot choose what collides with
 * what. For tables of fixed size; no MAC.
 */
export class KeyedHash {
  readonly #k0: number;
  readonly #k1: number;

  constructor(random: RandomSource) {
    const key = random.bytes(8);
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    this.#k0 = view.getInt32(0, true);
    this.#k1 = view.getInt32(4, true);
  }

  /** @returns 32 bits, unsigned. */
  of(text: string): number {
    let v0 = this.#k0;
    let v1 = this.#k1;
    let v2 = 0x6c796765 ^ this.#k0;
    let v3 = 0x74656462 ^ this.#k1;
    const words = (text.length + 1) >> 1;
    // Two UTF-16 code units a word, then the length, then three rounds with nothing.
    for (let i = 0; i < words + 4; i++) {
      const word = i < words ? wordAt(text, 2 * i) : i === words ? text.length : 0;
      if (i === words + 1) v2 ^= 0xff;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return (v1 ^ v3) >>> 0;
  }
}

function wordAt(text: string, at: number): number {
  return text.charCodeAt(at) | (at + 1 < text.length ? text.charCodeAt(at + 1) << 16 : 0);
}
