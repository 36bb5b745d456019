import type { Clock } from '../../base/time/clock.js';
import type { Guard } from '../../base/guard/guard.js';
import type { Driver } from '../driver/driver.js';
import type { DriverEffect } from '../driver/effects.js';
import type { DriverEvent } from '../driver/events.js';

export interface DriverLoopNeeds {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly guard: Pick<Guard, 'run'>;
  perform(effect: DriverEffect): void;
}

/** Until the driver is called again after a timeout that failed. */
const FAILED_PAUSE_MS = 1000;

/** Runs a {@link Driver} in time: hands it events, calls it when it is due, and has its effects performed. */
export class DriverLoop {
  readonly #needs: DriverLoopNeeds;
  #timer: { readonly at: number; readonly handle: Disposable } | undefined;
  #earliestTimeout = -Infinity;

  constructor(needs: DriverLoopNeeds) {
    this.#needs = needs;
  }

  handle(event: DriverEvent): void {
    const { driver, guard, clock } = this.#needs;
    // Whatever fails, the timer is armed: one event must not stop all peers.
    this.#perform(guard.run(`driver: ${event.type}`, () => driver.handle(event, clock.now())));
    this.#reschedule();
  }

  #reschedule(): void {
    const { clock, driver, guard } = this.#needs;
    const at = driver.nextTimeout();
    if (this.#timer?.at === at) return;
    this.#timer?.handle[Symbol.dispose]();
    this.#timer = undefined;
    if (at === undefined) return;
    const handle = clock.setTimeout(
      () => {
        this.#timer = undefined;
        const effects = guard.run('driver: timeout', () => driver.handleTimeout(clock.now()));
        this.#perform(effects);
        // What failed would fail again at once, and for ever.
        this.#earliestTimeout = effects === undefined ? clock.now() + FAILED_PAUSE_MS : -Infinity;
        this.#reschedule();
      },
      // Timers may fire a fraction of a millisecond early, and would then only be set again.
      Math.max(0, Math.ceil(Math.max(at, this.#earliestTimeout) - clock.now())),
    );
    this.#timer = { at, handle };
  }

  #perform(effects: readonly DriverEffect[] = []): void {
    const { guard } = this.#needs;
    for (const effect of effects) guard.run(`effect: ${effect.type}`, () => this.#needs.perform(effect));
  }
}
