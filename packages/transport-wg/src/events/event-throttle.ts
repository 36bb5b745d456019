import { samePath, type TransportPath } from '@wirepath/core/plugin';

/** At most one event per peer (and path) in this time: enough for the path engine, bearable at any packet rate. */
const INTERVAL_MS = 20;
/** Paths remembered per peer. The oldest makes room: its next event is merely early. */
const PATHS_MAX = 16;

/** Thins out the events of one peer. */
export class EventThrottle {
  readonly #paths: { path: TransportPath; atMs: number }[] = [];
  #sentAtMs = -Infinity;
  #pathWantedAtMs = -Infinity;

  /** Whether an authenticated packet on this path is to be reported. */
  admitAuthenticated(path: TransportPath, now: number): boolean {
    for (const entry of this.#paths) {
      if (entry.path !== path && !samePath(entry.path, path)) continue;
      if (now - entry.atMs < INTERVAL_MS) return false;
      entry.atMs = now;
      return true;
    }
    if (this.#paths.length >= PATHS_MAX) this.#paths.shift();
    this.#paths.push({ path, atMs: now });
    return true;
  }

  /** Whether sent data is to be reported. */
  admitSent(now: number): boolean {
    if (now - this.#sentAtMs < INTERVAL_MS) return false;
    this.#sentAtMs = now;
    return true;
  }

  /** Whether the want of a path is to be reported. */
  admitPathWanted(now: number): boolean {
    if (now - this.#pathWantedAtMs < INTERVAL_MS) return false;
    this.#pathWantedAtMs = now;
    return true;
  }
}
