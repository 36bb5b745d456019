/** Counts by reason, such as datagrams dropped. The reasons are the code's own, never the network's, so it cannot grow. */
export class Counters<Reason extends string = string> {
  readonly #counts = new Map<Reason, number>();

  /** @param shown reasons that a snapshot has from the start, at 0. */
  constructor(shown: readonly Reason[] = []) {
    for (const reason of shown) this.#counts.set(reason, 0);
  }

  count(reason: Reason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  /** Since the start; reasons that never came up, and were not to be shown, are left out. */
  snapshot(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
