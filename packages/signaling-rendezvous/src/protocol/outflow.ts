import { FairQueue, type QueuedFrame } from './fair-queue.js';

/**
 * What a socket is given at a time. Little, so that its report, which comes when all of that has been taken, tells of
 * progress early, and so that what waits can still be dropped or put in order.
 */
const WINDOW_BYTES = 32 * 1024;
const WINDOW_FRAMES = 32;
/** Less than this is no progress: a reader of single bytes holds as much as one that reads nothing. */
const PROGRESS_BYTES = 16 * 1024;

/** The way out to one client: what its socket has and the kernel has not taken yet, and what waits behind that. */
export class Outflow {
  readonly #waiting = new FairQueue();
  #givenBytes = 0;
  #givenFrames = 0;
  /** Taken by the kernel since {@link #progressAtMs}. */
  #takenBytes = 0;
  #progressAtMs = 0;

  /** What is held for this client. */
  get heldBytes(): number {
    return this.#givenBytes + this.#waiting.costBytes;
  }

  /**
   * Takes a frame in, and drops of the sender with the most what is then past `maxBytes`.
   * @returns what the socket is to be given now, and what was dropped, which may be the frame itself.
   */
  put(frame: QueuedFrame, path: readonly string[], maxBytes: number, nowMs: number): Put {
    if (this.heldBytes === 0) this.#progressAtMs = nowMs;
    if (this.#waiting.costBytes === 0 && this.#hasWindow() && this.#givenBytes + frame.bytes.length <= maxBytes) {
      return { give: [this.#give(frame)], dropped: [] };
    }
    this.#waiting.put(frame, path);
    const dropped: QueuedFrame[] = [];
    while (this.heldBytes > maxBytes) {
      const victim = this.#waiting.dropFromLargest();
      if (!victim) break;
      dropped.push(victim);
    }
    return { give: [], dropped };
  }

  /** The kernel has taken a frame of so many bytes. @returns what the socket is to be given next. */
  taken(sizeBytes: number, nowMs: number): QueuedFrame[] {
    this.#givenBytes = Math.max(0, this.#givenBytes - sizeBytes);
    this.#givenFrames = Math.max(0, this.#givenFrames - 1);
    this.#takenBytes += sizeBytes;
    const give: QueuedFrame[] = [];
    while (this.#hasWindow()) {
      const next = this.#waiting.next();
      if (!next) break;
      give.push(this.#give(next));
    }
    if (this.#takenBytes >= PROGRESS_BYTES || this.heldBytes === 0) {
      this.#takenBytes = 0;
      this.#progressAtMs = nowMs;
    }
    return give;
  }

  /** For how long there has been something to take, and next to nothing was taken, ms. */
  stuckMs(nowMs: number): number {
    return this.heldBytes === 0 ? 0 : nowMs - this.#progressAtMs;
  }

  /** Takes out all that the socket was not given. */
  discard(): QueuedFrame[] {
    const discarded: QueuedFrame[] = [];
    for (let next = this.#waiting.next(); next; next = this.#waiting.next()) discarded.push(next);
    return discarded;
  }

  #hasWindow(): boolean {
    return this.#givenBytes < WINDOW_BYTES && this.#givenFrames < WINDOW_FRAMES;
  }

  #give(frame: QueuedFrame): QueuedFrame {
    this.#givenBytes += frame.bytes.length;
    this.#givenFrames += 1;
    return frame;
  }
}

export interface Put {
  readonly give: readonly QueuedFrame[];
  readonly dropped: readonly QueuedFrame[];
}
