import { FakeClock, memoryLogger, type Clock, type MemoryLogger, type RandomSource } from '@wirepath/core';
import assert from 'node:assert/strict';
import { SeededRandom } from '../random.js';
import type { ConformanceCheck } from './conformance-check.js';

/** What a suite hands to the factory of its subject: a small world of its own for every check. */
export interface ConformanceWorld {
  /** For the subject. Its timers are counted: none may be left after the end. */
  readonly clock: Clock;
  /** The same time, for what stands around the subject (a virtual network, a server): its timers do not count. */
  readonly time: FakeClock;
  readonly logger: MemoryLogger;
  /** Seeded. */
  readonly random: RandomSource;
}

/** Makes the subject of one check and what it needs. */
export type SetUp<S extends object> = (world: ConformanceWorld) => (S & Cleanup) | Promise<S & Cleanup>;

interface Cleanup {
  /** Removes what the factory set up around the subject. */
  dispose?(): void | Promise<void>;
}

/** Virtual time after which a wait is given up. */
const PATIENCE_MS = 30_000;
/** Up to this virtual time a wait runs as fast as it can; then at most this many times faster than real time, for subjects with real sockets. */
const EAGER_MS = 1000;
const STEP_MS = 10;

/** One check's world, subject, and ways to wait: virtual time passes, so that no check takes long. */
export class CheckRun<S extends object> {
  constructor(
    readonly world: ConformanceWorld,
    readonly subject: S,
    readonly pendingTimers: () => number,
  ) {}

  /** Lets time pass until `condition` holds. */
  async eventually(condition: () => boolean, what: string): Promise<void> {
    for (let passedMs = 0; !condition(); passedMs += STEP_MS) {
      assert.ok(passedMs < PATIENCE_MS, `${what}: not within ${PATIENCE_MS / 1000} s`);
      await this.world.time.advance(STEP_MS);
      if (passedMs >= EAGER_MS) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Lets time pass until the work is done; what it throws is thrown. */
  async within<T>(work: Promise<T>, what: string): Promise<T> {
    let done = false;
    const marked = work.finally(() => (done = true));
    // It is awaited below, unless the wait is given up.
    marked.catch(() => undefined);
    await this.eventually(() => done, what);
    return marked;
  }

  /** As {@link within}, for work that may as well fail as succeed. @returns whether it succeeded. */
  async settled(work: Promise<unknown>, what: string): Promise<boolean> {
    return this.within(
      work.then(
        () => true,
        () => false,
      ),
      what,
    );
  }

  async assertNoTimers(): Promise<void> {
    // What is under way when the end comes may need a moment to see it.
    await this.world.time.advance(STEP_MS);
    assert.equal(this.pendingTimers(), 0, 'timers are left');
  }
}

/** Makes a check of every rule; each runs in a world of its own. */
export function checksFrom<S extends object>(
  setUp: SetUp<S>,
  rules: Readonly<Record<string, (run: CheckRun<S>) => Promise<void>>>,
): ConformanceCheck[] {
  return Object.entries(rules).map(([name, rule]) => ({
    name,
    run: async () => {
      const time = new FakeClock();
      const { clock, pendingTimers } = countingClock(time);
      const world = { clock, time, logger: memoryLogger(), random: new SeededRandom(1) };
      const subject = await setUp(world);
      try {
        await rule(new CheckRun<S>(world, subject, pendingTimers));
      } finally {
        await subject.dispose?.();
      }
    },
  }));
}

function countingClock(time: Clock): { clock: Clock; pendingTimers: () => number } {
  const pending = new Set<object>();
  const clock: Clock = {
    now: () => time.now(),
    unixMs: () => time.unixMs(),
    setTimeout(callback, delayMs) {
      const timer = {};
      pending.add(timer);
      const inner = time.setTimeout(() => {
        pending.delete(timer);
        callback();
      }, delayMs);
      return {
        [Symbol.dispose]: () => {
          pending.delete(timer);
          inner[Symbol.dispose]();
        },
      };
    },
  };
  return { clock, pendingTimers: () => pending.size };
}
