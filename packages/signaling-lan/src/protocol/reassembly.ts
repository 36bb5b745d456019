import type { Frame } from './frame.js';

/** Puts one peer's newest message together; of an older one that is not whole, nothing is kept. */
export class Reassembly {
  /** The newest message that was whole; 0 before the first. */
  newest = 0;
  #message = 0;
  #parts: (Uint8Array | undefined)[] = [];

  /** @returns the message that has become whole with this frame. */
  take({ message, index, count, part }: Frame): Uint8Array | undefined {
    if (message <= this.newest || message < this.#message) return undefined;
    if (message > this.#message) {
      this.#message = message;
      this.#parts = new Array<Uint8Array | undefined>(count).fill(undefined);
    }
    if (count !== this.#parts.length) return undefined;
    this.#parts[index] = part;
    const parts = this.#parts.flatMap((one) => one ?? []);
    if (this.#parts.includes(undefined)) return undefined;
    this.newest = message;
    this.#parts = [];
    return new Uint8Array(Buffer.concat(parts));
  }
}
