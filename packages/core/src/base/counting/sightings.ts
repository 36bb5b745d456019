import type { Clock } from '../time/clock.js';

/** What nobody has seen again for so long is over. */
const HOLD_MS = 120_000;
/** So many at once; whoever can provoke more of them gets no more of our memory. */
const MAX = 64;
/** Sentences in `status`. */
const MAX_TOLD = 5;

/**
 * Things that were seen lately and can mean somebody's mistake, each with a sentence that names it and its cure. A counter says
 * that something happens; this says what to do about it, for as long as it does.
 */
export class Sightings {
  readonly #clock: Clock;
  readonly #seen = new Map<string, { sentence: () => string; at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param key what it is about; the newest sentence of a key counts.
   * @param sentence made when somebody asks for it, for it may be seen once a packet.
   */
  see(key: string, sentence: () => string): void {
    // Again at the end: the one that was not seen for longest is the first to go.
    this.#seen.delete(key);
    this.#seen.set(key, { sentence, at: this.#clock.now() });
    if (this.#seen.size <= MAX) return;
    const [oldest] = this.#seen.keys();
    if (oldest !== undefined) this.#seen.delete(oldest);
  }

  /** It is right now. */
  settle(key: string): void {
    this.#seen.delete(key);
  }

  /** A sentence each, the newest first; the last one for all that is left out. */
  problems(): string[] {
    const since = this.#clock.now() - HOLD_MS;
    for (const [key, { at }] of this.#seen) if (at < since) this.#seen.delete(key);
    const told = [...this.#seen.values()].reverse().map(({ sentence }) => sentence());
    if (told.length <= MAX_TOLD) return told;
    return [...told.slice(0, MAX_TOLD), `and ${told.length - MAX_TOLD} more of this kind`];
  }
}
