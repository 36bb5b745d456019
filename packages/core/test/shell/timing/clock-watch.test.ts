import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { ClockWatch } from '../../../src/shell/timing/clock-watch.js';

type Happening = (clock: FakeClock) => Promise<void> | void;

describe('a machine', () => {
  it.each<[string, Happening, number[]]>([
    ['that is awake did not sleep', () => {}, []],
    [
      'that slept an hour: its clock counts that, and the timer comes late',
      (clock) => clock.suspend(3_600_000),
      [3_600_000],
    ],
    [
      'that slept an hour: its clock does not, and the wall clock went on',
      (clock) => clock.jumpWallClock(3_600_000),
      [3_600_000],
    ],
    [
      'whose wall clock was set back is taken for one: a look around does no harm',
      (clock) => clock.jumpWallClock(-60_000),
      [-60_000],
    ],
    ['whose wall clock is corrected by a few seconds did not sleep', (clock) => clock.jumpWallClock(4999), []],
    ['whose wall clock moved by five seconds may have', (clock) => clock.jumpWallClock(5000), [5000]],
    ['that was busy for a few seconds did not sleep', (clock) => clock.suspend(4000), []],
    [
      'that slept twice is noticed twice',
      async (clock) => {
        await clock.suspend(60_000);
        await clock.advance(4000);
        await clock.suspend(60_000);
      },
      [60_000, 60_000],
    ],
  ])('%s', async (_what, happens, expected) => {
    const clock = new FakeClock();
    const jumps: number[] = [];
    const watch = new ClockWatch(clock, (byMs) => jumps.push(byMs));
    watch.start();
    await clock.advance(10_000);
    await happens(clock);
    await clock.advance(10_000);
    watch.stop();
    expect(jumps.map((ms) => Math.round(ms / 5000) * 5000)).toEqual(expected);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is looked at each two seconds, so that waking up costs no more', async () => {
    const clock = new FakeClock();
    let jumpedAt = Infinity;
    const watch = new ClockWatch(clock, () => (jumpedAt = clock.now()));
    watch.start();
    await clock.advance(10_000);
    clock.jumpWallClock(60_000);
    await clock.advance(2000);
    watch.stop();
    expect(jumpedAt).toBeLessThanOrEqual(12_000);
  });
});
