import type { ChangeTrigger, Clock, Logger } from '@wirepath/core/plugin';

/** One change makes several messages: a link comes up, then its address, then its routes. */
const SETTLE_MS = 100;
/** At most about three calls a second, however restless the machine. */
const MIN_INTERVAL_MS = 300;

export interface ChangeWatchNeeds {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly trigger: ChangeTrigger;
  /** Text that is equal as long as nothing that matters has changed. */
  fingerprint(): string;
}

/** Turns hints that something may have changed into calls that something did; one trigger serves all listeners. */
export class ChangeWatch {
  readonly #needs: ChangeWatchNeeds;
  readonly #listeners = new Set<{ readonly onChange: () => void }>();
  #trigger: Disposable | undefined;
  #settling: Disposable | undefined;
  #lastFingerprint: string | undefined;
  #lastLookMs = -Infinity;

  constructor(needs: ChangeWatchNeeds) {
    this.#needs = needs;
  }

  watch(onChange: () => void): Disposable {
    const listener = { onChange };
    this.#listeners.add(listener);
    if (this.#trigger === undefined) {
      this.#trigger = this.#needs.trigger(() => this.#hint());
      // After the trigger is open, so that nothing happens unseen in between.
      this.#lastFingerprint = this.#fingerprint();
    }
    return {
      [Symbol.dispose]: () => {
        if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#stop();
      },
    };
  }

  #hint(): void {
    if (this.#settling !== undefined) return;
    const { clock } = this.#needs;
    const delayMs = Math.max(SETTLE_MS, this.#lastLookMs + MIN_INTERVAL_MS - clock.now());
    this.#settling = clock.setTimeout(() => this.#look(), delayMs);
  }

  #look(): void {
    this.#settling = undefined;
    this.#lastLookMs = this.#needs.clock.now();
    const fingerprint = this.#fingerprint();
    if (fingerprint === undefined || fingerprint === this.#lastFingerprint) return;
    this.#lastFingerprint = fingerprint;
    for (const listener of [...this.#listeners]) {
      // One that an earlier listener disposed of in this round is not called.
      if (!this.#listeners.has(listener)) continue;
      try {
        listener.onChange();
      } catch (error) {
        this.#needs.logger.error('a listener for network changes failed', { reason: String(error) });
      }
    }
  }

  #fingerprint(): string | undefined {
    try {
      return this.#needs.fingerprint();
    } catch (error) {
      this.#needs.logger.debug('the network could not be looked at', { reason: String(error) });
      return undefined;
    }
  }

  #stop(): void {
    this.#trigger?.[Symbol.dispose]();
    this.#settling?.[Symbol.dispose]();
    this.#trigger = undefined;
    this.#settling = undefined;
  }
}
