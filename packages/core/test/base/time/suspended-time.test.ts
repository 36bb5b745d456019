import { describe, expect, it } from 'vitest';
import { ClockWatch } from '../../../src/shell/timing/clock-watch.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { SystemClock } from '../../../src/base/time/system-clock.js';

const HOUR = 3_600_000;

/** A machine: its running clock and timers stand still in suspend, its boottime does not. */
function machine({ resolutionMs = 100, intervalMs = 10 } = {}) {
  const running = new FakeClock({ nowMs: 5000 });
  let aheadMs = 777_000;
  const boottime = { read: () => running.now() + aheadMs, resolutionMs, intervalMs };
  let kept = 0;
  const clock = new SystemClock({
    running: () => running.now(),
    unixMs: () => running.unixMs() + aheadMs,
    boottime,
    setTimeout: (callback, delayMs, keepsAlive) => {
      kept += keepsAlive ? 1 : 0;
      return running.setTimeout(callback, delayMs);
    },
  });
  return {
    running,
    clock,
    boottime,
    /** Nothing runs meanwhile. */
    suspend: (byMs: number) => void (aheadMs += byMs),
    advance: (byMs: number) => running.advance(byMs),
    get keptAlive() {
      return kept;
    },
  };
}

describe('the system’s clock', () => {
  it('counts suspended time', async () => {
    const { clock, suspend, advance } = machine();
    const before = clock.now();
    await advance(1000);
    suspend(2 * HOUR);
    await advance(10);
    expect(clock.now() - before).toBe(1010 + 2 * HOUR);
    await advance(1000);
    suspend(HOUR);
    await advance(20);
    expect(clock.now() - before).toBe(2030 + 3 * HOUR);
  });

  it('fires a second after waking up at most what became due meanwhile, in order, and the rest when it is due', async () => {
    const { clock, suspend, advance } = machine();
    const start = clock.now();
    const fired: [string, number][] = [];
    const timer = (name: string, delayMs: number) =>
      clock.setTimeout(() => fired.push([name, clock.now() - start]), delayMs);
    for (const [name, delayMs] of [
      ['later', 3 * HOUR],
      ['b', 200_000],
      ['a', 180_000],
    ] as const)
      timer(name, delayMs);
    timer('cancelled', 1000)[Symbol.dispose]();
    await advance(500);
    suspend(2 * HOUR);
    await advance(1000);
    expect(fired.map(([name]) => name)).toEqual(['a', 'b']);
    for (const [, at] of fired) expect(at).toBeLessThanOrEqual(2 * HOUR + 1500);
    await advance(HOUR - 1501);
    expect(fired).toHaveLength(2);
    await advance(1);
    expect(fired[2]).toEqual(['later', 3 * HOUR]);
  });

  it('takes noise for no suspended time, and never goes back', async () => {
    const { clock, suspend, advance } = machine({ resolutionMs: 2000, intervalMs: 1000 });
    let last = clock.now();
    for (const noiseMs of [900, -900, 1900, -1900, -50_000, 50_000]) {
      suspend(noiseMs);
      await advance(1000);
      expect(clock.now() - last).toBe(1000);
      last = clock.now();
    }
  });

  it('changes to a finer clock without a jump', async () => {
    const { clock, running, suspend, advance } = machine({ resolutionMs: 2000, intervalMs: 1000 });
    suspend(HOUR);
    await advance(1000);
    const before = clock.now();
    let moreMs = -123_456_789;
    clock.readBoottimeWith({ read: () => running.now() + moreMs, resolutionMs: 100, intervalMs: 10 });
    expect(clock.now()).toBe(before);
    moreMs += 150;
    await advance(10);
    expect(clock.now() - before).toBe(160);
  });

  it('goes on where the system does not tell the time since boot', async () => {
    const { clock, advance } = machine();
    clock.readBoottimeWith({ read: () => NaN, resolutionMs: 100, intervalMs: 10 });
    const before = clock.now();
    await advance(5000);
    expect(clock.now() - before).toBe(5000);
  });

  it('leaves no timer behind, and keeps a process alive by none of its own', async () => {
    const made = machine();
    const timers = [1, 2, 3].map(() => made.clock.setTimeout(() => undefined, HOUR));
    await made.advance(10_000);
    expect(made.keptAlive).toBe(3);
    for (const timer of timers) timer[Symbol.dispose]();
    expect(made.running.pendingTimers).toBe(0);
    made.clock.setTimeout(() => undefined, 10);
    await made.advance(10);
    expect(made.running.pendingTimers).toBe(0);
  });

  it('arms what lies beyond Node’s longest timer again', () => {
    const armed: { callback: () => void; delayMs: number }[] = [];
    let running = 0;
    const clock = new SystemClock({
      running: () => running,
      unixMs: () => running,
      boottime: { read: () => running, resolutionMs: 100, intervalMs: 10 },
      setTimeout: (callback, delayMs, keepsAlive) => {
        if (keepsAlive) armed.push({ callback, delayMs });
        return { [Symbol.dispose]: () => undefined };
      },
    });
    const longest = 2 ** 31 - 1;
    let fired = 0;
    clock.setTimeout(() => (fired += 1), longest + 5000);
    for (const [delayMs, firedAfter] of [
      [longest, 0],
      [5000, 1],
    ] as const) {
      const timer = armed.shift();
      expect(timer?.delayMs).toBe(delayMs);
      running += delayMs;
      timer?.callback();
      expect(fired).toBe(firedAfter);
    }
    expect(armed).toEqual([]);
  });
});

describe('a look at the clocks', () => {
  it('notices a suspend, whether the clock counts it or not, and once', async () => {
    const clock = new FakeClock();
    const jumps: number[] = [];
    const watch = new ClockWatch(clock, (byMs) => jumps.push(byMs));
    watch.start();
    await clock.advance(60_000);
    expect(jumps).toEqual([]);
    await clock.suspend(HOUR);
    expect(jumps).toEqual([HOUR - 2000]);
    await clock.advance(60_000);
    clock.jumpWallClock(HOUR);
    await clock.advance(60_000);
    expect(jumps.slice(1)).toEqual([HOUR]);
    watch.stop();
    expect(clock.pendingTimers).toBe(0);
  });
});
