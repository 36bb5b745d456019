import type { TransportAddress } from '@wirepath/stun-codec';
import type { LocalBase } from '../engine-path.js';

/** So many of one peer are remembered; its candidates are bounded too, and it can only name its own. */
const MAX_MARKS = 32;

/** A loop is a matter of routes, which change without a word: it is tried again after a minute, two, ... an hour. */
const FIRST_MS = 60_000;
const LONGEST_MS = 3_600_000;

export interface LoopEvidence {
  readonly why: string;
  /** Until then the peer may still be answered on it. */
  readonly answersUntilMs: number;
}

interface Mark extends LoopEvidence {
  readonly sinceMs: number;
  readonly forMs: number;
  /** It may be tried again; the next mark lasts longer. */
  isOver: boolean;
}

/**
 * What is reached through our own tunnel, as checks to one peer have shown. Routes go by the address alone, so a mark is for
 * all ports of an IP address; through a relay it is the relay that is reached so, and the mark is for its allocation. Not for
 * other peers: the packet that proves it may have come out of a machine that answers whatever the peer asks it to.
 */
export class LoopMarks {
  readonly #marks = new Map<string, Mark>();

  add(base: LocalBase | undefined, remote: TransportAddress, seen: LoopEvidence, now: number): void {
    const key = keyOf(base, remote);
    const before = this.#marks.get(key);
    const forMs = before === undefined ? FIRST_MS : Math.min(LONGEST_MS, before.forMs * (before.isOver ? 2 : 1));
    this.#marks.delete(key);
    this.#marks.set(key, { ...seen, sinceMs: now, forMs, isOver: false });
    if (this.#marks.size <= MAX_MARKS) return;
    const [oldest] = this.#marks.keys();
    if (oldest !== undefined) this.#marks.delete(oldest);
  }

  /** @param base undefined: any socket. @returns what showed that it is a loop; undefined where nothing did. */
  get(base: LocalBase | undefined, remote: TransportAddress): LoopEvidence | undefined {
    const mark = this.#marks.get(keyOf(base, remote));
    return mark?.isOver === true ? undefined : mark;
  }

  /** What was marked long ago may be tried again. */
  expire(now: number): void {
    for (const mark of this.#marks.values()) if (now >= mark.sinceMs + mark.forMs) mark.isOver = true;
  }

  /** Our network is another. */
  clear(): void {
    this.#marks.clear();
  }
}

function keyOf(base: LocalBase | undefined, remote: TransportAddress): string {
  return base?.kind === 'allocation' ? `through ${base.id}` : remote.ip;
}
