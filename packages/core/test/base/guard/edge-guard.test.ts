import { EdgeGuard, FakeClock, memoryLogger } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import { guardedClock } from '../../../src/base/guard/guarded-clock.js';

function world() {
  const clock = new FakeClock();
  const logger = memoryLogger();
  return { clock, logger, guard: EdgeGuard.create('wirepath', { clock, logger }) };
}

const broken = () => {
  throw new Error('boom');
};

describe('EdgeGuard', () => {
  it('returns what the callback returns, and undefined where it throws', () => {
    const { guard } = world();
    expect(guard.run('sum', () => 3)).toBe(3);
    expect(guard.run('sum', broken)).toBeUndefined();
  });

  it('counts under the name of the part and the hook', () => {
    const { guard } = world();
    const signal = guard.for('@acme/signal');
    signal.run('publish', broken);
    signal.wrap('publish', broken)();
    guard.run('timer', broken);
    expect(guard.counters()).toEqual({ 'failed.@acme/signal: publish': 2, 'failed.wirepath: timer': 1 });
  });

  it('sees a promise that rejects later', async () => {
    const { guard } = world();
    void guard.run('refresh', () => Promise.reject(new Error('late')));
    await Promise.resolve();
    expect(guard.counters()).toEqual({ 'failed.wirepath: refresh': 1 });
  });

  it('logs a failure once a minute, however often it happens', async () => {
    const { clock, guard, logger } = world();
    const errors = () => logger.lines.filter(({ level }) => level === 'error');
    for (let i = 0; i < 1000; i += 1) guard.run('datagram', broken);
    expect(errors()).toHaveLength(1);
    expect(errors()[0]?.message).toBe('wirepath: datagram failed: boom');
    await clock.advance(60_000);
    guard.run('datagram', broken);
    expect(errors()).toHaveLength(2);
    expect(errors()[1]?.fields).toMatchObject({ unlogged: 999, count: 1001 });
  });

  it('is a problem with a name and a cure, for ten minutes', async () => {
    const { clock, guard } = world();
    guard.for('@acme/signal').run('publish', broken);
    expect(guard.problems()).toEqual([
      expect.stringMatching(/^@acme\/signal: publish failed once, last with: boom;.*update or remove/),
    ]);
    await clock.advance(600_000);
    expect(guard.problems()).toEqual([]);
  });

  it.each([
    ['a string', 'no such thing'],
    ['undefined', undefined],
    ['an object without a prototype', Object.create(null)],
    ['an error whose message throws', Object.defineProperty(new Error(), 'message', { get: broken })],
    ['an error whose stack throws', Object.defineProperty(new Error('x'), 'stack', { get: broken })],
  ])('survives %s being thrown', (_name, thrown) => {
    const { guard } = world();
    const action = () => {
      throw thrown;
    };
    expect(guard.run('hook', action)).toBeUndefined();
    expect(guard.counters()).toEqual({ 'failed.wirepath: hook': 1 });
  });

  it('keeps a bounded table, whatever names a plugin makes up', () => {
    const { guard } = world();
    for (let i = 0; i < 5000; i += 1) guard.run(`hook ${i}`, broken);
    expect(Object.keys(guard.counters()).length).toBeLessThan(600);
  });
});

describe('a guarded clock', () => {
  it('survives a timer that throws', async () => {
    const { clock, guard } = world();
    guardedClock(clock, guard.for('@acme/stun')).setTimeout(broken, 10);
    await clock.advance(20);
    expect(guard.counters()).toEqual({ 'failed.@acme/stun: timer': 1 });
  });
});
