/** A power of two. */
const SLOTS = 256;

/**
 * What was found last for addresses that are asked for again and again, one packet after another. Each address has one slot that it
 * may be in; whoever else wants it takes it. Nothing that was not found is kept.
 */
export class AddressCache<Value> {
  readonly #words: number;
  readonly #addresses: Int32Array;
  readonly #values = new Array<Value | undefined>(SLOTS).fill(undefined);
  #isEmpty = true;

  /** @param addressBytes 4 or 16. */
  constructor(addressBytes: number) {
    this.#words = addressBytes / 4;
    this.#addresses = new Int32Array(SLOTS * this.#words);
  }

  get(bytes: Uint8Array, offset: number): Value | undefined {
    const words = this.#words;
    const slot = slotOf(bytes, offset + 4 * words);
    for (let i = 0; i < words; i++) {
      if (this.#addresses[slot * words + i] !== wordAt(bytes, offset + 4 * i)) return undefined;
    }
    return this.#values[slot];
  }

  /** @returns the value. */
  put(bytes: Uint8Array, offset: number, value: Value | undefined): Value | undefined {
    if (value === undefined) return undefined;
    const words = this.#words;
    const slot = slotOf(bytes, offset + 4 * words);
    for (let i = 0; i < words; i++) this.#addresses[slot * words + i] = wordAt(bytes, offset + 4 * i);
    this.#values[slot] = value;
    this.#isEmpty = false;
    return value;
  }

  /** Something has changed: all is asked anew. */
  clear(): void {
    if (!this.#isEmpty) this.#values.fill(undefined);
    this.#isEmpty = true;
  }
}

/** Addresses of one network differ in their last bytes. */
function slotOf(bytes: Uint8Array, end: number): number {
  return ((bytes[end - 1] ?? 0) ^ ((bytes[end - 2] ?? 0) * 31) ^ ((bytes[end - 3] ?? 0) * 7)) & (SLOTS - 1);
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] ?? 0) |
    ((bytes[offset + 1] ?? 0) << 8) |
    ((bytes[offset + 2] ?? 0) << 16) |
    ((bytes[offset + 3] ?? 0) << 24)
  );
}
