import type { PacketMemory } from '@wirepath/linux';

/** Of what is not in the packet memory yet and has to be: indications, answers, and what came over a stream. */
const STAGING_BYTES = 512 * 1024;
/** Of packet memory, with what alignment takes. */
export const OUTBOX_BYTES = STAGING_BYTES + 64;
/** What a receiver may write in front of a payload. */
const MARGIN_BYTES = 64;

interface Flushed {
  flush(): void;
}

/** The sockets in which something waits to leave together, and a place in the packet memory for what was made elsewhere. */
export class Outbox {
  readonly memory: PacketMemory;
  readonly #waiting: Flushed[] = [];
  readonly #start: number;
  #next: number;

  constructor(memory: PacketMemory) {
    this.memory = memory;
    this.#start = memory.reserve(STAGING_BYTES);
    this.#next = this.#start;
  }

  /** Something waits in it, and it is not in here already. */
  add(socket: Flushed): void {
    this.#waiting.push(socket);
  }

  /** Everything leaves. */
  flush(): void {
    for (let socket = this.#waiting.pop(); socket !== undefined; socket = this.#waiting.pop()) socket.flush();
    this.#next = this.#start;
  }

  /** @returns where these bytes are in the memory: there already, or a copy that lasts until the next {@link Outbox.flush}. */
  place(bytes: Uint8Array): number {
    return bytes.buffer === this.memory.bytes.buffer ? bytes.byteOffset : this.copy(bytes);
  }

  /** @returns where the copy is, with room for a header before it. */
  copy(bytes: Uint8Array): number {
    const end = MARGIN_BYTES + bytes.length;
    if (this.#next + end > this.#start + STAGING_BYTES) this.flush();
    const offset = this.#next + MARGIN_BYTES;
    this.memory.bytes.set(bytes, offset);
    this.#next += (end + 7) & ~7;
    return offset;
  }
}
