import { describe, expect, it } from 'vitest';
import { Paced } from '../../../src/shell/timing/paced.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';

function paced() {
  const clock = new FakeClock();
  const done: string[] = [];
  const work = new Paced<string>(clock, { atOnce: 3, turnMs: 20 });
  const add = (key: string, options?: { urgent: boolean }) => work.do(key, () => done.push(key), options);
  return { clock, work, add, take: () => done.splice(0).join('') };
}

describe('paced work', () => {
  it('is done at once while there is little of it, and else so much in each turn', async () => {
    const { clock, add, take } = paced();
    for (const key of 'abcdefgh') add(key);
    expect(take()).toBe('abc');
    await clock.advance(20);
    expect(take()).toBe('def');
    await clock.advance(20);
    expect(take()).toBe('gh');
    await clock.advance(20);
    add('i');
    expect(take()).toBe('i');
  });

  it('does what is urgent first, the newest job of each key, and none that was dropped', async () => {
    const { clock, work, add, take } = paced();
    for (const key of 'abcdef') add(key);
    work.do('e', () => undefined);
    add('g', { urgent: true });
    work.drop('d');
    take();
    await clock.advance(20);
    expect(take()).toBe('gf');
  });

  it('goes on after a job that fails', async () => {
    const { clock, work, add, take } = paced();
    for (const key of 'abc') add(key);
    work.do('bad', () => {
      throw new Error('bad');
    });
    add('d');
    await expect(clock.advance(20)).rejects.toThrow('bad');
    take();
    await clock.advance(20);
    expect(take()).toBe('d');
  });

  it('leaves no timer behind', async () => {
    const { clock, work, add, take } = paced();
    for (const key of 'abcd') add(key);
    take();
    work.stop();
    await clock.advance(1000);
    expect(take()).toBe('');
  });
});
