import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { EdgeGuard } from '../../../src/base/guard/edge-guard.js';
import { silentLogger } from '../../../src/base/logging/memory-logger.js';
import type { Driver } from '../../../src/shell/driver/driver.js';
import type { DriverEffect } from '../../../src/shell/driver/effects.js';
import { DriverLoop } from '../../../src/shell/timing/driver-loop.js';

const GATHER: DriverEffect = { type: 'gather' };

/** A loop around a driver that is due when the test says, and does what it says. */
function looping() {
  const clock = new FakeClock();
  const driven = { dueAt: undefined as number | undefined, calls: [] as number[], fails: false, performed: 0 };
  const answer = (): DriverEffect[] => {
    if (driven.fails) throw new Error('a fault');
    return [GATHER];
  };
  const driver = {
    nextTimeout: () => driven.dueAt,
    handle: answer,
    handleTimeout: (now: number) => {
      driven.calls.push(now);
      const effects = answer();
      driven.dueAt = undefined;
      return effects;
    },
  } as unknown as Driver;
  const guard = EdgeGuard.create('test', { logger: silentLogger(), clock });
  const loop = new DriverLoop({ driver, clock, guard, perform: () => void (driven.performed += 1) });
  return { clock, loop, driven, startedAt: clock.now() };
}

describe('the driver', () => {
  it('is called when it is due, on a whole millisecond, and what it wants is done', async () => {
    const { clock, loop, driven, startedAt } = looping();
    driven.dueAt = startedAt + 5.2;
    loop.handle({ type: 'gather' });
    expect(driven.performed).toBe(1);
    await clock.advance(10);
    expect(driven.calls).toEqual([startedAt + 6]);
    expect(driven.performed).toBe(2);
  });

  it('that is due never has no timer', () => {
    const { clock, loop, driven, startedAt } = looping();
    driven.dueAt = startedAt + 5;
    loop.handle({ type: 'gather' });
    expect(clock.pendingTimers).toBe(1);
    driven.dueAt = undefined;
    loop.handle({ type: 'gather' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('whose event fails is called all the same when it is due', () => {
    const { clock, loop, driven, startedAt } = looping();
    driven.dueAt = startedAt + 5;
    driven.fails = true;
    loop.handle({ type: 'gather' });
    expect(clock.pendingTimers).toBe(1);
  });

  it('whose timeout fails is called again a second later, and as often as it is due once it does not', async () => {
    const { clock, loop, driven, startedAt } = looping();
    driven.dueAt = startedAt;
    driven.fails = true;
    loop.handle({ type: 'gather' });
    await clock.advance(2500);
    expect(driven.calls.map((at) => at - startedAt)).toEqual([0, 1000, 2000]);
    driven.fails = false;
    await clock.advance(500);
    driven.dueAt = startedAt + 3100;
    loop.handle({ type: 'gather' });
    await clock.advance(100);
    expect(driven.calls.map((at) => at - startedAt)).toEqual([0, 1000, 2000, 3000, 3100]);
  });
});
