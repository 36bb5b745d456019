import { describe, expect, it } from 'vitest';
import { memoryLogger } from '../../../src/base/logging/memory-logger.js';
import { pollingTrigger, systemTrigger } from '../../../src/base/sockets/change-trigger.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';

describe('hints by polling', () => {
  it('come once a second until disposed of', async () => {
    const clock = new FakeClock();
    let hints = 0;
    const trigger = pollingTrigger(clock)(() => hints++);
    await clock.advance(3500);
    expect(hints).toBe(3);
    trigger[Symbol.dispose]();
    expect(clock.pendingTimers).toBe(0);
  });

  it.each<[string, NodeJS.Platform]>([
    ['where the system has no netlink', 'darwin'],
    ['where netlink is refused', 'linux'],
  ])('are used %s', async (_where, platform) => {
    const clock = new FakeClock();
    let hints = 0;
    const watchNetworkChanges = () => {
      throw new Error('no foreign functions here');
    };
    const trigger = systemTrigger({ platform, watchNetworkChanges }, clock, memoryLogger())(() => hints++);
    await clock.advance(2500);
    expect(hints).toBe(2);
    trigger[Symbol.dispose]();
    expect(clock.pendingTimers).toBe(0);
  });
});

it('a netlink socket that is lost is opened again, and what it may have missed is looked at', async () => {
  const clock = new FakeClock();
  let hints = 0;
  const opened: { onLost(error: Error): void }[] = [];
  let closed = 0;
  const watchNetworkChanges = (events: { onLost(error: Error): void }) => {
    opened.push(events);
    return { [Symbol.dispose]: () => void closed++ };
  };
  const trigger = systemTrigger({ platform: 'linux', watchNetworkChanges }, clock, memoryLogger())(() => hints++);
  opened[0]?.onLost(new Error('ENOBUFS'));
  expect(hints).toBe(1);
  await clock.advance(1000);
  expect([opened.length, hints]).toEqual([2, 2]);
  trigger[Symbol.dispose]();
  expect([closed, clock.pendingTimers]).toEqual([1, 0]);
});
