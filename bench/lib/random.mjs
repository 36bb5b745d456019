/** A seeded generator (xoshiro128**): the same seed gives the same run. */
export class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    // splitmix32, so that near seeds give unlike states.
    let z = seed >>> 0;
    this.#state = Uint32Array.from({ length: 4 }, () => {
      z = (z + 0x9e3779b9) >>> 0;
      let mixed = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    });
  }

  /** 0 to 2^32 - 1. */
  uint32() {
    const s = this.#state;
    const x = Math.imul(s[1], 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** 0 to `below` - 1. */
  int(below) {
    return this.uint32() % below;
  }

  /** True once in `n` times. */
  oneIn(n) {
    return this.int(n) === 0;
  }

  pick(array) {
    return array[this.int(array.length)];
  }

  bytes(length) {
    const bytes = Buffer.allocUnsafe(length);
    let i = 0;
    for (; i + 4 <= length; i += 4) bytes.writeUInt32LE(this.uint32(), i);
    for (; i < length; i += 1) bytes[i] = this.uint32();
    return bytes;
  }
}
