import { Sightings, type Clock } from '@wirepath/core/plugin';
import { isFight } from '../undoings.js';

/** How often others undid what we had set up, and who. */
export class Fights {
  readonly #clock: Clock;
  readonly #told: Sightings;
  readonly #times: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#told = new Sightings(clock);
  }

  /** @param by whom, for people. */
  undone(by: string, what: string): void {
    const again = isFight(this.#times, this.#clock.now());
    this.#told.see(again ? 'fight' : 'undone', () =>
      again
        ? `${by} removes ${what} again and again, and we restore it each time: stop one of the two`
        : `${by} removed ${what}; it was restored`,
    );
  }

  problems(): string[] {
    return this.#told.problems();
  }
}
