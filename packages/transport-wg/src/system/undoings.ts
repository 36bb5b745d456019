/** Undone so often in so short a time, it is somebody's doing who will do it again. */
const FIGHT_TIMES = 5;
const FIGHT_MS = 10_000;
const FIRST_HOLD_MS = 2000;
const MAX_HOLD_MS = 60_000;
/** Left alone for so long, a fight is over. */
const PEACE_MS = 60_000;

/** Notes another time, and drops those that do not count any more. @returns whether it is a fight. */
export function isFight(times: number[], now: number): boolean {
  times.push(now);
  if (times.length > FIGHT_TIMES) times.shift();
  const [first = now] = times;
  return times.length === FIGHT_TIMES && now - first <= FIGHT_MS;
}

interface Undoing {
  /** Of the latest, at most {@link FIGHT_TIMES}. */
  readonly times: number[];
  total: number;
  /** 0 while it is put back at once. */
  holdMs: number;
  heldUntil: number;
}

/** What somebody keeps undoing, and since when we leave it for a while. */
export interface Fight<Key> {
  readonly key: Key;
  /** How often it was undone since the fight began. */
  readonly times: number;
  /** When it is put back next, on the clock that times are told by. */
  readonly nextTryAt: number;
}

/**
 * How often what we set up was undone, thing by thing: what is undone five times in ten seconds is put back after longer and
 * longer pauses, up to a minute, until it stays for a minute. Times in ms, handed in.
 */
export class Undoings<Key> {
  readonly #undoings = new Map<Key, Undoing>();

  /** It was there, and is gone. */
  undone(key: Key, now: number): void {
    const undoing = this.#undoings.get(key) ?? { times: [], total: 0, holdMs: 0, heldUntil: 0 };
    this.#undoings.set(key, undoing);
    if (undoing.holdMs > 0 && now - (undoing.times.at(-1) ?? 0) > undoing.holdMs + PEACE_MS) {
      Object.assign(undoing, { times: [], total: 0, holdMs: 0 });
    }
    const often = isFight(undoing.times, now);
    undoing.total += 1;
    if (undoing.holdMs === 0 && !often) return;
    undoing.holdMs = undoing.holdMs === 0 ? FIRST_HOLD_MS : Math.min(2 * undoing.holdMs, MAX_HOLD_MS);
    undoing.heldUntil = now + undoing.holdMs;
  }

  /** Whether it may be put back now. */
  mayRestore(key: Key, now: number): boolean {
    return now >= (this.#undoings.get(key)?.heldUntil ?? 0);
  }

  forget(key: Key): void {
    this.#undoings.delete(key);
  }

  /** Also forgets what is over. */
  fights(now: number): Fight<Key>[] {
    const fights: Fight<Key>[] = [];
    for (const [key, { times, total, holdMs, heldUntil }] of this.#undoings) {
      if (now - Math.max(times.at(-1) ?? 0, heldUntil) > PEACE_MS) this.#undoings.delete(key);
      else if (holdMs > 0) fights.push({ key, times: total, nextTryAt: heldUntil });
    }
    return fights;
  }

  /** When the next pause ends; undefined where none is on. */
  nextTimeout(now: number): number | undefined {
    const held = [...this.#undoings.values()].map(({ heldUntil }) => heldUntil).filter((until) => until > now);
    return held.length === 0 ? undefined : held.reduce((first, until) => Math.min(first, until));
  }
}
