import type { Clock } from '@wirepath/core/plugin';
import type { UapiDeviceState } from '../../uapi/device.js';

export interface DeviceWatchOptions {
  readonly clock: Clock;
  readonly get: () => Promise<UapiDeviceState>;
  /** Just before the device is asked. */
  readonly onAsk?: () => void;
  readonly onState: (state: UapiDeviceState, atUnixMs: number) => void;
  readonly onFailure: (error: unknown) => void;
  /** Between two questions while there is something to see. */
  readonly busyIntervalMs: number;
  /** Between two questions otherwise: somebody may change the device with `wg`. */
  readonly idleIntervalMs: number;
}

/** A device is asked at most this share of the time: with thousands of peers an answer is long. */
const MAX_SHARE = 0.05;

/**
 * Asks a device for its state: soon when something happened ({@link nudge}), rarely otherwise, one question at a time.
 */
export class DeviceWatch {
  readonly #options: DeviceWatchOptions;
  #timer: Disposable | undefined;
  #dueMs = Infinity;
  #askedAtMs = -Infinity;
  #tookMs = 0;
  #nudged = false;
  #asking: Promise<void> | undefined;
  #stopped = false;

  constructor(options: DeviceWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule();
  }

  /** There is something to see. */
  nudge(): void {
    if (this.#nudged) return;
    this.#nudged = true;
    this.#schedule();
  }

  /** Asks now (or joins the question that is under way). Never rejects. */
  ask(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
      this.#schedule();
    });
    return this.#asking;
  }

  /** Waits for a question under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.[Symbol.dispose]();
    await this.#asking;
  }

  async #ask(): Promise<void> {
    const { clock, get, onAsk, onState, onFailure } = this.#options;
    this.#nudged = false;
    this.#askedAtMs = clock.now();
    onAsk?.();
    try {
      const state = await get();
      this.#tookMs = clock.now() - this.#askedAtMs;
      if (!this.#stopped) onState(state, clock.unixMs());
    } catch (error) {
      if (!this.#stopped) onFailure(error);
    }
  }

  #schedule(): void {
    if (this.#stopped || this.#asking) return;
    const { clock, busyIntervalMs, idleIntervalMs } = this.#options;
    const intervalMs = Math.max(this.#nudged ? busyIntervalMs : idleIntervalMs, this.#tookMs / MAX_SHARE);
    const now = clock.now();
    const dueMs = Math.max(now, this.#askedAtMs + intervalMs);
    if (dueMs >= this.#dueMs) return;
    this.#timer?.[Symbol.dispose]();
    this.#dueMs = dueMs;
    this.#timer = clock.setTimeout(() => {
      this.#dueMs = Infinity;
      void this.ask();
    }, dueMs - now);
  }
}
