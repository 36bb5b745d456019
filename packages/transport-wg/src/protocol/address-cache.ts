/** A power of two. */
const SLOTS = 256;

/**
 * What was found last for addresses that are asked for again and again, one packet after another. Each address has one slot that it
 * may be in; whoever else wants it takes it. Nothing that was not found is kept.
 */
export class AddressCache<Value> {
  readonly #addressBytes: number;
  readonly #addresses: Uint8Array;
  readonly #values = new Array<Value | undefined>(SLOTS).fill(undefined);
  #isEmpty = true;

  /** @param addressBytes 4 or 16. */
  constructor(addressBytes: number) {
    this.#addressBytes = addressBytes;
    this.#addresses = new Uint8Array(SLOTS * addressBytes);
  }

  get(bytes: Uint8Array, offset: number): Value | undefined {
    const slot = this.#slotOf(bytes, offset);
    const value = this.#values[slot];
    if (value === undefined) return undefined;
    const size = this.#addressBytes;
    const at = slot * size;
    for (let i = 0; i < size; i++) if (this.#addresses[at + i] !== bytes[offset + i]) return undefined;
    return value;
  }

  /** @returns the value. */
  put(bytes: Uint8Array, offset: number, value: Value | undefined): Value | undefined {
    if (value === undefined) return undefined;
    const slot = this.#slotOf(bytes, offset);
    const size = this.#addressBytes;
    for (let i = 0; i < size; i++) this.#addresses[slot * size + i] = bytes[offset + i] ?? 0;
    this.#values[slot] = value;
    this.#isEmpty = false;
    return value;
  }

  /** Something has changed: all is asked anew. */
  clear(): void {
    if (!this.#isEmpty) this.#values.fill(undefined);
    this.#isEmpty = true;
  }

  /** Addresses of one network differ in their last bytes. */
  #slotOf(bytes: Uint8Array, offset: number): number {
    const end = offset + this.#addressBytes;
    return ((bytes[end - 1] ?? 0) ^ ((bytes[end - 2] ?? 0) * 31) ^ ((bytes[end - 3] ?? 0) * 7)) & (SLOTS - 1);
  }
}
