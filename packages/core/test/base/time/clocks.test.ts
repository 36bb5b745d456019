import { describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { systemClock, systemRandom } from '../../../src/base/time/system-clock.js';

describe('FakeClock', () => {
  it('fires timers in the order of their times, then of their making', async () => {
    const clock = new FakeClock({ nowMs: 100, unixMs: 5000 });
    const fired: string[] = [];
    for (const [name, delayMs] of [
      ['c', 20],
      ['a', 10],
      ['b', 10],
      ['never', 21],
    ] as const) {
      clock.setTimeout(() => fired.push(`${name}@${clock.now()}`), delayMs);
    }
    await clock.advance(20);
    expect(fired).toEqual(['a@110', 'b@110', 'c@120']);
    expect([clock.now(), clock.unixMs(), clock.pendingTimers, clock.nextDueMs()]).toEqual([120, 5020, 1, 121]);
  });

  it('fires what a timer, or something that awaits one, sets within the span', async () => {
    const clock = new FakeClock();
    const fired: number[] = [];
    const wait = (delayMs: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, delayMs));
    const loop = (async () => {
      for (let round = 0; round < 3; round++) {
        await wait(10);
        await Promise.resolve();
        fired.push(clock.now());
      }
    })();
    await clock.advance(30);
    await loop;
    expect(fired).toEqual([10, 20, 30]);
  });

  it('forgets a timer that was disposed of', async () => {
    const clock = new FakeClock();
    const callback = vi.fn();
    clock.setTimeout(callback, 1)[Symbol.dispose]();
    await clock.advance(10);
    expect(callback).not.toHaveBeenCalled();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('systemClock', () => {
  it('goes forward, tells unix ms, fires and cancels', async () => {
    const before = systemClock.now();
    const cancelled = vi.fn();
    systemClock.setTimeout(cancelled, 1)[Symbol.dispose]();
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, 5));
    expect(systemClock.now() - before).toBeGreaterThan(3);
    expect(Math.abs(systemClock.unixMs() - Date.now())).toBeLessThan(1000);
    expect(cancelled).not.toHaveBeenCalled();
  });

  it('takes delays that lie beyond what Node can, without firing at once', async () => {
    const early = vi.fn();
    const timer = systemClock.setTimeout(early, 2 ** 40);
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, 10));
    timer[Symbol.dispose]();
    expect(early).not.toHaveBeenCalled();
  });

  it('has random bytes that differ', () => {
    expect(systemRandom.bytes(16)).toHaveLength(16);
    expect(systemRandom.bytes(16)).not.toEqual(systemRandom.bytes(16));
  });
});
