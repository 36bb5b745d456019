import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { sleep } from '../../../src/base/time/sleep.js';

describe('sleep', () => {
  it('ends when its time has come, and not before', async () => {
    const clock = new FakeClock();
    let over = false;
    const sleeping = sleep(clock, 100, new AbortController().signal).then(() => (over = true));
    await clock.advance(99);
    expect(over).toBe(false);
    await clock.advance(1);
    await sleeping;
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends at once when aborted, and leaves no timer', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const sleeping = sleep(clock, 100, controller.signal);
    controller.abort();
    await sleeping;
    await sleep(clock, 100, controller.signal);
    expect(clock.pendingTimers).toBe(0);
  });
});
