import { describe, expect, it } from 'vitest';
import { memoryLogger } from '../../../src/base/logging/memory-logger.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { NotFound } from '../../../src/shell/outside/look-up.js';
import { NameBook } from '../../../src/shell/outside/name-book.js';

const { signal } = new AbortController();
const dead = () => Promise.reject(new NotFound(new Map([['192.0.2.1', 'no answer']]), false));

function setUp(ttlSeconds = 60) {
  const clock = new FakeClock();
  const news: string[] = [];
  const logger = memoryLogger();
  const world = { answer: (): Promise<readonly string[]> => Promise.resolve(['203.0.113.1']), looks: 0 };
  const book = new NameBook({
    lookUp: async () => {
      world.looks += 1;
      return { addresses: await world.answer(), ttlSeconds, by: 'a test' };
    },
    clock,
    logger,
    onNews: (host) => news.push(host),
  });
  const ask = (again = false) => book.addressesOf('relay.example', { again, signal });
  return { clock, news, world, book, ask, logger };
}

describe('what names stand for', () => {
  it('is kept as long as the answer says, within bounds', async () => {
    const { ask, clock, world } = setUp(0);
    expect([await ask(), await ask()]).toEqual([['203.0.113.1'], ['203.0.113.1']]);
    expect(world.looks).toBe(1);
    await clock.advance(4999);
    await ask();
    expect(world.looks).toBe(1);
    await clock.advance(2);
    await ask();
    expect(world.looks).toBe(2);
  });

  it('is looked up again when it does not answer, whatever is known, but not more than once a second', async () => {
    const { ask, clock, world, news } = setUp();
    await ask();
    await ask(true);
    expect(world.looks).toBe(1);
    await clock.advance(1001);
    world.answer = async () => ['203.0.113.2'];
    expect(await ask(true)).toEqual(['203.0.113.2']);
    expect(news).toEqual(['relay.example']);
  });

  it('is what it was where nobody answers, and the problem says so', async () => {
    const { ask, clock, world, book } = setUp();
    await ask();
    await clock.advance(61_000);
    world.answer = dead;
    expect(await ask()).toEqual(['203.0.113.1']);
    expect(book.problems()).toEqual([
      expect.stringMatching(
        /^the name relay\.example does not resolve since \S+Z \(192\.0\.2\.1: no answer\); what it stood for last is used: 203\.0\.113\.1\. Check/,
      ),
    ]);
  });

  it('does not hold up who waits, where it was known: a slow look-up goes on behind it', async () => {
    const { ask, clock, world, news } = setUp();
    await ask();
    await clock.advance(61_000);
    let answer: (addresses: string[]) => void = () => undefined;
    world.answer = () => new Promise((resolve) => (answer = resolve));
    const asked = ask();
    await clock.advance(1501);
    expect(await asked).toEqual(['203.0.113.1']);
    answer(['203.0.113.2']);
    await clock.advance(0);
    expect([await ask(), news]).toEqual([['203.0.113.2'], ['relay.example']]);
  });

  it('fails with NAME_NOT_RESOLVED where it was never known, is looked up again by itself, and is told when it is there', async () => {
    const { ask, clock, world, book, news } = setUp();
    book.start();
    world.answer = dead;
    await expect(ask()).rejects.toMatchObject({ code: 'NAME_NOT_RESOLVED', subject: 'relay.example' });
    await clock.advance(1000 + 2000 + 4000);
    expect(world.looks).toBe(4);
    world.answer = async () => ['203.0.113.1'];
    await clock.advance(8000);
    expect([world.looks, news, book.problems()]).toEqual([5, ['relay.example'], []]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is forgotten where nobody asks for it any more', async () => {
    const { ask, clock, world, book } = setUp();
    book.start();
    world.answer = dead;
    await ask().catch(() => undefined);
    for (let passed = 0; passed < 400; passed += 1) await clock.advance(1000);
    const { looks } = world;
    await clock.advance(120_000);
    expect([world.looks, clock.pendingTimers, book.problems()]).toEqual([looks, 0, []]);
  });

  it('is looked up at once when the network is another, where it failed', async () => {
    const { ask, clock, world, book } = setUp();
    book.start();
    world.answer = dead;
    await ask().catch(() => undefined);
    for (let passed = 0; passed < 60; passed += 1) await clock.advance(1000);
    world.answer = async () => ['203.0.113.1'];
    book.doubt();
    await clock.advance(0);
    expect(book.problems()).toEqual([]);
  });

  it('leaves no timer when it is stopped', async () => {
    const { ask, clock, world, book } = setUp();
    book.start();
    world.answer = dead;
    await ask().catch(() => undefined);
    book.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([
    ['an hour at most', 100_000, 3_600_000],
    ['five seconds at least', 0, 5000],
    ['a minute, where it says so', 60, 60_000],
  ])('is kept for %s', async (_what, ttlSeconds, keptMs) => {
    const { ask, clock, world } = setUp(ttlSeconds);
    await ask();
    await clock.advance(keptMs - 1);
    await ask();
    expect(world.looks).toBe(1);
    await clock.advance(1);
    await ask();
    expect(world.looks).toBe(2);
  });

  it.each<[string, readonly string[], readonly string[], boolean]>([
    ['in another order', ['a', 'b'], ['b', 'a'], false],
    ['one more', ['a'], ['a', 'b'], true],
    ['another', ['a', 'b'], ['a', 'c'], true],
    ['the first at all', [], ['a'], false],
  ])('is news where the addresses are others: %s', async (_what, before, after, isNews) => {
    const { book, clock, world, news } = setUp();
    const askFor = (again: boolean) => book.addressesOf('relay.example', { again, signal });
    world.answer = async () => before;
    await askFor(false);
    world.answer = async () => after;
    await clock.advance(2000);
    await askFor(true);
    expect(news).toEqual(isNews ? ['relay.example'] : []);
  });

  it('is looked up once for all who ask at once, and for each name alone', async () => {
    const { book, world, clock } = setUp();
    const answers: (() => void)[] = [];
    world.answer = () => new Promise((resolve) => answers.push(() => resolve(['203.0.113.1'])));
    const asked = ['a', 'a', 'b'].map((host) => book.addressesOf(host, { again: false, signal }));
    await clock.advance(0);
    expect(world.looks).toBe(2);
    for (const answer of answers) answer();
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 3 }, () => ['203.0.113.1']));
  });

  it('is not looked up again by itself before the node runs; a start begins with what has failed', async () => {
    const { ask, clock, world, book } = setUp();
    world.answer = dead;
    await ask().catch(() => undefined);
    await clock.advance(20_000);
    expect([world.looks, clock.pendingTimers]).toEqual([1, 0]);
    book.doubt();
    await clock.advance(0);
    expect(world.looks).toBe(1);
    book.start();
    await clock.advance(1000);
    expect(world.looks).toBe(2);
    book.stop();
  });

  it('is retried more and more seldom, every ten seconds at last, and quickly again after a doubt', async () => {
    const { ask, clock, world, book } = setUp();
    book.start();
    world.answer = dead;
    await ask().catch(() => undefined);
    const gaps: number[] = [];
    const wait = async (times: number) => {
      for (let seen = world.looks, ms = 0; gaps.length < times;) {
        await clock.advance(500);
        ms += 500;
        if (world.looks > seen) [seen, ms] = [world.looks, (gaps.push(ms), 0)];
      }
      return gaps.splice(0);
    };
    expect(await wait(6)).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000]);
    book.doubt();
    await clock.advance(0);
    expect(await wait(2)).toEqual([1000, 2000]);
    book.stop();
  });

  it('of what is known nothing is kept after a doubt, and what was good is used meanwhile', async () => {
    const { ask, clock, world, book } = setUp();
    await ask();
    await clock.advance(2000);
    book.doubt();
    await clock.advance(0);
    expect(world.looks).toBe(1);
    world.answer = dead;
    expect(await ask()).toEqual(['203.0.113.1']);
    expect(world.looks).toBe(2);
  });

  it('of whoever asks with a signal that ends, or of a node that stops, is no answer', async () => {
    const { book, clock, world } = setUp();
    await book.addressesOf('relay.example', { again: false, signal });
    await clock.advance(61_000);
    world.answer = () => new Promise(() => undefined);
    const abort = new AbortController();
    const asked = book.addressesOf('relay.example', { again: false, signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(asked).rejects.toThrow();
    let end: (reason: Error) => void = () => undefined;
    world.answer = () => new Promise((_, reject) => (end = reject));
    const other = book.addressesOf('other.example', { again: false, signal });
    other.catch(() => undefined);
    book.stop();
    end(new Error('stopped'));
    await expect(other).rejects.toMatchObject({ code: 'ABORTED' });
    expect(book.problems()).toEqual([]);
  });

  it('of 256 names is known: the one that was asked for longest ago makes room', async () => {
    const { book, clock, world } = setUp(3600);
    const askFor = (n: number) => book.addressesOf(`n${n}.example`, { again: false, signal });
    for (let n = 0; n < 256; n++) {
      await askFor(n);
      await clock.advance(1);
    }
    await askFor(0);
    expect(world.looks).toBe(256);
    await clock.advance(1);
    await askFor(256);
    await askFor(0);
    expect(world.looks).toBe(257);
    await askFor(1);
    expect(world.looks).toBe(258);
  });

  it('is told in the log when it fails in another way, not each time', async () => {
    const { ask, clock, world, book, logger } = setUp();
    book.start();
    world.answer = dead;
    await ask().catch(() => undefined);
    await clock.advance(7000);
    const told = () => logger.lines.filter(({ level }) => level === 'warn').length;
    expect(told()).toBe(1);
    world.answer = () => Promise.reject(new Error('no route'));
    await clock.advance(8000);
    expect(told()).toBe(2);
    book.stop();
  });

  it('has no problem that nobody has any more: after three minutes it is not asked for', async () => {
    const { ask, clock, world, book } = setUp();
    world.answer = dead;
    await ask().catch(() => undefined);
    await clock.advance(180_000);
    expect(book.problems()).toHaveLength(1);
    await clock.advance(1);
    expect(book.problems()).toEqual([]);
  });
});
