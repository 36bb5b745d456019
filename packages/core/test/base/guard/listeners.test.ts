import { EdgeGuard, FakeClock, silentLogger } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import { Listeners } from '../../../src/base/guard/listeners.js';

const broken = () => {
  throw new Error('boom');
};

const newGuard = () => EdgeGuard.create('wirepath', { clock: new FakeClock(), logger: silentLogger() });

describe('Listeners', () => {
  it('tells the others where one throws', () => {
    const guard = newGuard();
    const listeners = new Listeners<number>(guard, 'numbers');
    const heard: number[] = [];
    listeners.add(broken);
    const second = listeners.add((n) => heard.push(n));
    listeners.tell(1);
    second[Symbol.dispose]();
    listeners.tell(2);
    expect(heard).toEqual([1]);
    expect(guard.counters()).toEqual({ 'failed.wirepath: listener of numbers': 2 });
  });

  it('offers until one takes it; a failure counts as taken where nobody else does', () => {
    const guard = newGuard();
    const listeners = new Listeners<number>(guard, 'numbers');
    expect(listeners.offer(1)).toBe(false);
    listeners.add(() => false);
    expect(listeners.offer(1)).toBe(false);
    listeners.add(broken);
    expect(listeners.offer(1)).toBe(true);
    listeners.add((n) => n === 2);
    expect(listeners.offer(2)).toBe(true);
  });

  it('calls nobody who was disposed of, not in the round that goes on either; who comes meanwhile waits for the next', () => {
    const listeners = new Listeners<string>();
    const heard: string[] = [];
    listeners.add((event) => {
      gone[Symbol.dispose]();
      listeners.add((later) => heard.push(`new: ${later}`));
      heard.push(`first: ${event}`);
    });
    const gone = listeners.add(() => heard.push('never'));
    listeners.tell('a');
    expect(heard).toEqual(['first: a']);
    listeners.tell('b');
    expect(heard).toEqual(['first: a', 'first: b', 'new: b']);
  });

  it('adds the same function twice where that is asked', () => {
    const listeners = new Listeners<number>();
    const heard: number[] = [];
    const listener = (n: number) => heard.push(n);
    const first = listeners.add(listener);
    listeners.add(listener);
    listeners.tell(1);
    first[Symbol.dispose]();
    listeners.tell(2);
    expect(heard).toEqual([1, 1, 2]);
  });

  it('throws at whoever tells where there is no guard', () => {
    const listeners = new Listeners();
    listeners.add(broken);
    expect(() => listeners.tell()).toThrow('boom');
    expect(() => listeners.offer()).toThrow('boom');
  });
});
