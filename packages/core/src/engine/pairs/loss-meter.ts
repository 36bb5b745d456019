import { DEAD_AFTER_LOST, LOSSY_FROM, LOSSY_UNTIL, LOSS_SMOOTHING, LOST_AFTER_MS } from '../timings.js';

/** What one pair loses of its checks since it was proven, and whether it is lossy or dead. */
export class LossMeter {
  /** Part of the checks that came to nothing, smoothed: 0 to 1. */
  ratio = 0;
  /** It loses so much that a clean relay is better. */
  isLossy = false;
  /** When the checks were sent that tell of loss and are not answered yet, and when the last of these was sent. */
  #samples: number[] = [];
  #sampledAt = -Infinity;
  #lostInARow = 0;
  /** What was known before the present row of lost checks. */
  #before = { ratio: 0, isLossy: false };

  /**
   * Of checks in quick succession one counts: a blink of half a second is no lossy path.
   * @param isProven before, silence is a closed hole, not loss.
   * @returns whether the pair has died: so many were lost in a row.
   */
  checkSent(now: number, rttMs: number | undefined, isProven: boolean): boolean {
    const lostBefore = now - Math.max(LOST_AFTER_MS, 3 * (rttMs ?? 0));
    while ((this.#samples[0] ?? now) < lostBefore) {
      this.#samples.shift();
      this.#count(1);
      if (this.#lostInARow >= DEAD_AFTER_LOST) return true;
    }
    if (!isProven || now - this.#sampledAt < LOST_AFTER_MS) return false;
    this.#sampledAt = now;
    this.#samples.push(now);
    return false;
  }

  /** @param sentAt of the check. */
  answered(sentAt: number): void {
    const sample = this.#samples.indexOf(sentAt);
    if (sample < 0) return;
    this.#samples.splice(sample, 1);
    this.#count(0);
  }

  /** What was lost while the pair died says nothing of one that comes back; what was lost before does. */
  died(): void {
    this.#samples = [];
    if (this.#lostInARow === 0) return;
    this.#lostInARow = 0;
    this.ratio = this.#before.ratio;
    this.isLossy = this.#before.isLossy;
  }

  #count(lost: 0 | 1): void {
    if (this.#lostInARow === 0) this.#before = { ratio: this.ratio, isLossy: this.isLossy };
    this.#lostInARow = lost === 1 ? this.#lostInARow + 1 : 0;
    this.ratio += (lost - this.ratio) * LOSS_SMOOTHING;
    this.isLossy = this.ratio > (this.isLossy ? LOSSY_UNTIL : LOSSY_FROM);
  }
}
