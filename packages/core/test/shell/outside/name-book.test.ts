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
  const world = { answer: (): Promise<readonly string[]> => Promise.resolve(['203.0.113.1']), looks: 0 };
  const book = new NameBook({
    lookUp: async () => {
      world.looks += 1;
      return { addresses: await world.answer(), ttlSeconds, by: 'a test' };
    },
    clock,
    logger: memoryLogger(),
    onNews: (host) => news.push(host),
  });
  const ask = (again = false) => book.addressesOf('relay.example', { again, signal });
  return { clock, news, world, book, ask };
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
});
