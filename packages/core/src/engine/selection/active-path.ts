import type { CandidatePair } from '../pairs/candidate-pair.js';
import {
  DOUBT_MS,
  PROBE_TIMEOUT_MAX_MS,
  PROBE_TIMEOUT_MS,
  QUALITY_INTERVAL_MS,
  SILENCE_MS,
  SUSPECT_MS,
} from '../timings.js';

export interface PathTimes {
  /** Undefined: it is trusted. */
  readonly silentSinceMs: number | undefined;
  /** 0: none. May change as more is learnt of the NATs. */
  readonly keepaliveMs: number;
}

/** What is to be done about a path, and what has become of it. */
export interface Due {
  /** A check shall be sent on it now. */
  readonly ask: boolean;
  readonly became?: 'unanswered' | 'given-up';
}

const NOTHING: Due = { ask: false };

/**
 * When to ask the path that carries the traffic, and what its silence means. Trust in it is
 * renewed by every authenticated datagram that comes in on it; sending without hearing asks for a probe; an unanswered probe
 * makes it suspect, and long silence lost.
 */
export class ActivePath {
  /** Nothing was heard for a while. */
  isDoubtful = false;
  #heardAt: number;
  #awaitingSince: number | undefined;
  #probeSentAt: number | undefined;
  /** The peer is in trouble: that something comes in says nothing of the way out, an answer does. */
  #needsAnswer = false;
  #unanswered = 0;
  #lastSentAt: number;
  #askedAt: number;
  /** Data went out since it was last asked. */
  #inUse = false;

  constructor(
    readonly pair: CandidatePair,
    readonly since: number,
  ) {
    this.#lastSentAt = since;
    this.#askedAt = since;
    this.#heardAt = since;
  }

  /** The peer calls, as it does when it hears nothing: the next check has to be answered. */
  demandAnswer(): void {
    this.#needsAnswer = true;
  }

  /**
   * @param isAnswer to a check of ours, which proves the way out too.
   * @returns whether that proves it.
   */
  heard(now: number, { isAnswer = false } = {}): boolean {
    if (isAnswer) this.#needsAnswer = false;
    if (this.#needsAnswer) return false;
    this.#heardAt = now;
    this.#awaitingSince = undefined;
    this.#probeSentAt = undefined;
    this.#unanswered = 0;
    this.isDoubtful = false;
    return true;
  }

  /** Data went out on it. */
  sent(now: number): void {
    this.#lastSentAt = now;
    this.#inUse = true;
    this.#awaitingSince ??= this.isDoubtful ? now - SILENCE_MS : now;
  }

  /** Something that keeps the binding alive but calls for no answer went out. */
  kept(now: number): void {
    this.#lastSentAt = now;
  }

  /** A check went out on it. */
  probed(now: number): void {
    this.#lastSentAt = now;
    this.#askedAt = now;
    this.#inUse = false;
    this.#probeSentAt ??= now;
  }

  /** The network changed under it: as if it had been asked now. */
  distrust(now: number): void {
    this.#probeSentAt ??= now;
  }

  nextTimeout({ silentSinceMs = Infinity, keepaliveMs }: PathTimes): number {
    if (this.#probeSentAt !== undefined)
      return Math.min(this.#probeSentAt + this.#probeTimeoutMs(), silentSinceMs + SUSPECT_MS);
    const silence = this.#awaitingSince === undefined ? Infinity : this.#awaitingSince + SILENCE_MS;
    const keepalive = keepaliveMs > 0 ? this.#lastSentAt + keepaliveMs : Infinity;
    const quality = this.#inUse ? this.#askedAt + QUALITY_INTERVAL_MS : Infinity;
    const doubt = this.isDoubtful ? Infinity : this.#heardAt + DOUBT_MS;
    return Math.min(silence, keepalive, quality, doubt);
  }

  handleTimeout(now: number, times: PathTimes): Due {
    if (now < this.nextTimeout(times)) return NOTHING;
    if (now >= (times.silentSinceMs ?? Infinity) + SUSPECT_MS) return { ask: false, became: 'given-up' };
    if (!this.isDoubtful && now >= this.#heardAt + DOUBT_MS) {
      this.isDoubtful = true;
      if (this.nextTimeout(times) > now) return NOTHING;
    }
    if (this.#probeSentAt === undefined) return { ask: true };
    this.#unanswered += 1;
    this.#probeSentAt = undefined;
    return { ask: true, became: 'unanswered' };
  }

  #probeTimeoutMs(): number {
    const first = Math.max(PROBE_TIMEOUT_MS, 2 * (this.pair.rttMs ?? 0));
    return Math.min(PROBE_TIMEOUT_MAX_MS, first * 1.5 ** Math.max(0, this.#unanswered - 1));
  }
}
