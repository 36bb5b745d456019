import type { CandidatePair } from '../pairs/candidate-pair.js';
import {
  DOUBT_MS,
  PROBE_TIMEOUT_MAX_MS,
  PROBE_TIMEOUT_MS,
  QUALITY_INTERVAL_MS,
  SILENCE_MS,
  SUSPECT_MS,
} from '../timings.js';

export type Trust =
  | 'trusted'
  /** A probe went unanswered: send on this path and on the fallback at once. */
  | 'suspect'
  /** It said nothing for so long that another, or none, is better. */
  | 'lost';

/**
 * Trust in the path that carries the traffic. It is renewed by every authenticated datagram that comes in on it; sending
 * without hearing asks for a probe; an unanswered probe makes it suspect, and long silence lost.
 */
export class ActivePath {
  trust: Trust = 'trusted';
  /** Nothing was heard for a while. */
  isDoubtful = false;
  #heardAt: number;
  #awaitingSince: number | undefined;
  #probeSentAt: number | undefined;
  /** The peer is in trouble: that something comes in says nothing of the way out, an answer does. */
  #needsAnswer = false;
  #unanswered = 0;
  #suspectSince: number | undefined;
  #distrusted = false;
  #lastSentAt: number;
  #askedAt: number;
  /** Data went out since it was last asked. */
  #inUse = false;

  constructor(
    readonly pair: CandidatePair,
    /** 0: none. May change as more is learnt of the NATs. */
    readonly keepaliveMs: () => number,
    readonly since: number,
  ) {
    this.#lastSentAt = since;
    this.#askedAt = since;
    this.#heardAt = since;
  }

  /** Since when it has been silent, or the network changed under it; undefined: it is trusted. */
  get suspectSince(): number | undefined {
    return this.#suspectSince;
  }

  /** undefined: it is trusted; Infinity: the network changed under it. */
  suspectForMs(now: number): number | undefined {
    if (this.trust === 'trusted') return undefined;
    return this.#distrusted ? Infinity : now - (this.#suspectSince ?? now);
  }

  /** The peer calls, as it does when it hears nothing: the next check has to be answered. */
  demandAnswer(): void {
    this.#needsAnswer = true;
  }

  /**
   * @param isAnswer to a check of ours, which proves the way out too.
   * @returns whether trust came back, or doubt ended.
   */
  heard(now: number, { isAnswer = false } = {}): boolean {
    if (isAnswer) this.#needsAnswer = false;
    if (this.#needsAnswer) return false;
    this.#heardAt = now;
    this.#awaitingSince = undefined;
    this.#probeSentAt = undefined;
    this.#unanswered = 0;
    this.#suspectSince = undefined;
    this.#distrusted = false;
    const returned = this.trust !== 'trusted' || this.isDoubtful;
    this.trust = 'trusted';
    this.isDoubtful = false;
    return returned;
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

  /** The network changed under it. */
  distrust(now: number): void {
    if (this.trust === 'trusted') this.trust = 'suspect';
    this.#distrusted = true;
    this.#suspectSince ??= now;
    this.#probeSentAt ??= now;
  }

  nextTimeout(): number | undefined {
    if (this.trust === 'lost') return undefined;
    if (this.#probeSentAt !== undefined) {
      const timeout = this.#probeSentAt + this.#probeTimeoutMs();
      return this.#suspectSince === undefined ? timeout : Math.min(timeout, this.#suspectSince + SUSPECT_MS);
    }
    const silence = this.#awaitingSince === undefined ? Infinity : this.#awaitingSince + SILENCE_MS;
    const keepaliveMs = this.keepaliveMs();
    const keepalive = keepaliveMs > 0 ? this.#lastSentAt + keepaliveMs : Infinity;
    const quality = this.#inUse ? this.#askedAt + QUALITY_INTERVAL_MS : Infinity;
    const doubt = this.isDoubtful ? Infinity : this.#heardAt + DOUBT_MS;
    const next = Math.min(silence, keepalive, quality, doubt);
    return next === Infinity ? undefined : next;
  }

  /** @returns whether a check shall be sent on this path now; `trust` may have changed. */
  handleTimeout(now: number): boolean {
    const due = this.nextTimeout();
    if (due === undefined || now < due) return false;
    if (this.#suspectSince !== undefined && now >= this.#suspectSince + SUSPECT_MS) {
      this.trust = 'lost';
      return false;
    }
    if (!this.isDoubtful && now >= this.#heardAt + DOUBT_MS) {
      this.isDoubtful = true;
      if ((this.nextTimeout() ?? Infinity) > now) return false;
    }
    if (this.#probeSentAt !== undefined) {
      this.#unanswered += 1;
      this.#probeSentAt = undefined;
      if (this.trust === 'trusted') {
        this.trust = 'suspect';
        this.#suspectSince = now;
      }
    }
    return true;
  }

  #probeTimeoutMs(): number {
    const first = Math.max(PROBE_TIMEOUT_MS, 2 * (this.pair.rttMs ?? 0));
    return Math.min(PROBE_TIMEOUT_MAX_MS, first * 1.5 ** Math.max(0, this.#unanswered - 1));
  }
}
