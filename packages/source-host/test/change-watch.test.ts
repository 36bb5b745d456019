import { describe, expect, it } from 'vitest';
import { ChangeWatch } from '../src/change-watch.js';
import { FakeClock } from './fake-clock.js';
import { recordingLogger } from './log.js';

function setUp() {
  const clock = new FakeClock();
  const logger = recordingLogger();
  const world = { state: 'a', broken: false };
  const trigger = { opened: 0, closed: 0, hint: (): void => undefined };
  const watch = new ChangeWatch({
    clock,
    logger,
    trigger: (onHint) => {
      trigger.opened++;
      trigger.hint = onHint;
      return { [Symbol.dispose]: () => void trigger.closed++ };
    },
    fingerprint: () => {
      if (world.broken) throw new Error('no list');
      return world.state;
    },
  });
  return { clock, logger, world, trigger, watch };
}

describe('watching for changes', () => {
  it('calls back 100 ms after the first hint, once for all that came with it', () => {
    const { clock, world, trigger, watch } = setUp();
    let calls = 0;
    watch.watch(() => calls++);
    world.state = 'b';
    trigger.hint();
    clock.advance(50);
    trigger.hint();
    expect(calls).toBe(0);
    clock.advance(50);
    expect(calls).toBe(1);
    clock.advance(1000);
    expect(calls).toBe(1);
  });

  it('does not call back when nothing that matters changed', () => {
    const { clock, trigger, watch } = setUp();
    let calls = 0;
    watch.watch(() => calls++);
    trigger.hint();
    clock.advance(1000);
    expect(calls).toBe(0);
  });

  it('calls at most about three times a second, and never misses the last state', () => {
    const { clock, world, trigger, watch } = setUp();
    const seen: string[] = [];
    watch.watch(() => seen.push(world.state));
    for (let turn = 0; turn < 200; turn++) {
      world.state = `turn ${turn}`;
      trigger.hint();
      clock.advance(10);
    }
    expect(seen.length).toBeGreaterThan(4);
    expect(seen.length).toBeLessThanOrEqual(7);
    clock.advance(300);
    expect(seen.at(-1)).toBe('turn 199');
  });

  it('shares one trigger, and closes it with the last listener', () => {
    const { clock, world, trigger, watch } = setUp();
    const seen: string[] = [];
    const first = watch.watch(() => seen.push('first'));
    const second = watch.watch(() => seen.push('second'));
    expect(trigger.opened).toBe(1);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(trigger.closed).toBe(0);
    world.state = 'b';
    trigger.hint();
    clock.advance(100);
    expect(seen).toEqual(['second']);
    world.state = 'c';
    trigger.hint();
    second[Symbol.dispose]();
    expect(trigger.closed).toBe(1);
    expect(clock.pendingTimers).toBe(0);
    clock.advance(1000);
    expect(seen).toEqual(['second']);
  });

  it('starts anew after all have gone: what changed in between is no news', () => {
    const { clock, world, trigger, watch } = setUp();
    watch.watch(() => undefined)[Symbol.dispose]();
    world.state = 'b';
    let calls = 0;
    watch.watch(() => calls++);
    trigger.hint();
    clock.advance(1000);
    expect(calls).toBe(0);
  });

  it('one listener that throws, and one that is gone, take nothing from the others', () => {
    const { clock, world, trigger, watch, logger } = setUp();
    let calls = 0;
    watch.watch(() => {
      gone[Symbol.dispose]();
      throw new Error('mine');
    });
    const gone = watch.watch(() => (calls += 100));
    watch.watch(() => calls++);
    world.state = 'b';
    trigger.hint();
    clock.advance(100);
    expect(calls).toBe(1);
    expect(logger.lines).toMatchObject([{ level: 'error', fields: { reason: 'Error: mine' } }]);
  });

  it('a system that cannot be looked at for a while is no change', () => {
    const { clock, world, trigger, watch } = setUp();
    let calls = 0;
    watch.watch(() => calls++);
    world.broken = true;
    trigger.hint();
    clock.advance(1000);
    world.broken = false;
    trigger.hint();
    clock.advance(1000);
    expect(calls).toBe(0);
    world.state = 'b';
    trigger.hint();
    clock.advance(1000);
    expect(calls).toBe(1);
  });
});
