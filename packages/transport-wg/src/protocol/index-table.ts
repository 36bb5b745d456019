import { readUint32 } from './messages.js';

/** The 32-bit names that our side gives to handshakes and sessions, random so that they tell an observer nothing. */
export class IndexTable<Entry> {
  /** By the index as a signed number, which V8 has no need to allocate. */
  readonly #entries = new Map<number, Entry>();
  readonly #random: (size: number) => Uint8Array;
  /** What was asked for last, since packets come in rows. */
  #last: { readonly index: number; readonly entry: Entry } | undefined;

  constructor(random: (size: number) => Uint8Array) {
    this.#random = random;
  }

  /** An index that nothing uses; it is taken only when it is {@link set}. */
  unused(): number {
    for (;;) {
      const index = readUint32(this.#random(4), 0);
      if (!this.#entries.has(index | 0)) return index;
    }
  }

  get(index: number): Entry | undefined {
    const last = this.#last;
    if (last !== undefined && last.index === index) return last.entry;
    const entry = this.#entries.get(index | 0);
    if (entry !== undefined) this.#last = { index, entry };
    return entry;
  }

  set(index: number, entry: Entry): void {
    this.#last = undefined;
    this.#entries.set(index | 0, entry);
  }

  delete(index: number): void {
    this.#last = undefined;
    this.#entries.delete(index | 0);
  }

  get size(): number {
    return this.#entries.size;
  }
}
