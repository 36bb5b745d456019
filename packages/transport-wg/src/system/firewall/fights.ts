import { Sightings, type Clock } from '@wirepath/core/plugin';

/** So many times in so long is no accident. */
const FIGHT_COUNT = 5;
const FIGHT_MS = 10_000;

/** How often others undid what we had set up, and who. */
export class Fights {
  readonly #clock: Clock;
  readonly #told: Sightings;
  /** Of the newest, in order. */
  #times: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#told = new Sightings(clock);
  }

  /** @param by whom, for people. */
  undone(by: string, what: string): void {
    this.#times = [...this.#times, this.#clock.now()].slice(-FIGHT_COUNT);
    const [first = 0] = this.#times;
    const isFight = this.#times.length === FIGHT_COUNT && this.#clock.now() - first <= FIGHT_MS;
    this.#told.see(isFight ? 'fight' : 'undone', () =>
      isFight
        ? `${by} removes ${what} again and again, and we restore it each time: stop one of the two`
        : `${by} removed ${what}; it was restored`,
    );
  }

  problems(): string[] {
    return this.#told.problems();
  }
}
