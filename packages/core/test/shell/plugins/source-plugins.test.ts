import { formatAddress, transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { memoryLogger } from '../../../src/base/logging/memory-logger.js';
import type { CandidateSource } from '../../../src/contracts/candidate-source.js';
import { SourcePlugins } from '../../../src/shell/plugins/source-plugins.js';
import type { DriverEvent } from '../../../src/shell/driver/events.js';

const hostAt = (ip: string) => ({ type: 'host', address: transportAddress(ip, 51820) }) as const;

function sourcesOf(given: Record<string, Partial<CandidateSource>>) {
  const events: DriverEvent[] = [];
  const clock = new FakeClock();
  const logger = memoryLogger();
  const plugins = Object.entries(given).map(([plugin, source]) => ({
    plugin,
    instance: { async *gather() {}, ...source } satisfies CandidateSource,
  }));
  const sources = new SourcePlugins(plugins, {
    clock,
    logger,
    sockets: () => ({ datagrams: undefined, listenPort: 51820 }),
    onEvent: (event) => void events.push(event),
  });
  return { clock, sources, logger, take: () => events.splice(0) };
}

/** In a few words. */
function told(events: readonly DriverEvent[]): string[] {
  return events.flatMap((event) => {
    if (event.type === 'nat-behavior') return [];
    if (event.type === 'candidate') return `${event.source}: ${formatAddress(event.candidate.address)}`;
    if (event.type === 'gathered') return `${event.source}: done, ${event.candidates.length}`;
    return event.type;
  });
}

const { signal } = new AbortController();

describe('sources', () => {
  it('tell each candidate when it is found, and all when they are done; one that fails keeps no other from it', async () => {
    const { sources, take } = sourcesOf({
      broken: {
        gather() {
          throw new Error('no route to the server');
        },
      },
      host: {
        async *gather() {
          yield hostAt('192.0.2.1');
          yield hostAt('192.0.2.2');
        },
      },
    });
    await sources.gather(signal);
    expect(told(take())).toEqual([
      'broken: done, 0',
      'host: 192.0.2.1:51820',
      'host: 192.0.2.2:51820',
      'host: done, 2',
    ]);
    expect(sources.problemLines()).toEqual(['broken: no route to the server']);
  });

  it('say what they know of the NAT before what they found behind it', async () => {
    const { sources, take } = sourcesOf({
      stun: {
        async *gather() {
          yield hostAt('192.0.2.1');
        },
        natBehavior: () => ({ mapping: 'endpoint-independent', filtering: null }),
      },
    });
    await sources.gather(signal);
    const natBehavior = { mapping: 'endpoint-independent', filtering: null };
    expect(take().slice(0, 2)).toMatchObject([{ type: 'nat-behavior', natBehavior }, { type: 'candidate' }]);
  });

  it('a gathering that another one takes the place of says nothing any more', async () => {
    let release = () => {};
    let count = 0;
    const { clock, sources, take } = sourcesOf({
      slow: {
        async *gather() {
          count += 1;
          const ip = `192.0.2.${count}`;
          if (count === 1) await new Promise<void>((resolve) => (release = resolve));
          yield hostAt(ip);
        },
      },
    });
    sources.perform({ type: 'gather' });
    await clock.advance(0);
    sources.perform({ type: 'gather' });
    await clock.advance(0);
    release();
    await clock.advance(0);
    expect(told(take())).toEqual(['slow: 192.0.2.2:51820', 'slow: done, 1', 'gathering-ended']);
  });

  it('of a refresh the first change is told, once, and the gathering that follows is waited for', async () => {
    const changed = { refresh: () => Promise.resolve(true) };
    const { sources, take } = sourcesOf({ one: changed, other: changed, same: { refresh: async () => false } });
    expect(await sources.refresh(signal)).toBe(true);
    expect(told(take())).toEqual(['mapping-changed']);
  });

  it('a refresh that hangs or fails is no change', async () => {
    const { clock, sources, take } = sourcesOf({
      hangs: { refresh: () => new Promise(() => undefined) },
      fails: { refresh: () => Promise.reject(new Error('STUN is down')) },
    });
    const refreshed = sources.refresh(signal);
    await clock.advance(45_000);
    expect(await refreshed).toBe(false);
    expect(take()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('what was learnt of a binding’s lifetime is told, unless it is learnt anew by then', async () => {
    const answers: ((ms: number) => void)[] = [];
    const learnBindingLifetime = () => new Promise<number>((resolve) => answers.push(resolve));
    const { clock, sources, take } = sourcesOf({ stun: { learnBindingLifetime } });
    sources.perform({ type: 'learn-binding-lifetime' });
    sources.perform({ type: 'learn-binding-lifetime' });
    answers[0]?.(20_000);
    answers[1]?.(40_000);
    await clock.advance(0);
    expect(take()).toEqual([{ type: 'binding-lifetime', ms: 40_000 }]);
  });

  it.each([0, -1, Number.NaN, Infinity, '60000', null])('a lifetime of %s is none', async (ms) => {
    const { clock, sources, take } = sourcesOf({ stun: { learnBindingLifetime: async () => ms as number } });
    sources.perform({ type: 'learn-binding-lifetime' });
    await clock.advance(0);
    expect(take()).toEqual([]);
  });

  it('what hinders learning a lifetime is told in the log, unless nobody waits for it any more', async () => {
    const fails: ((error: Error) => void)[] = [];
    const learnBindingLifetime = () => new Promise<number>((_, reject) => fails.push(reject));
    const { clock, sources, logger } = sourcesOf({ stun: { learnBindingLifetime }, plain: {} });
    sources.perform({ type: 'learn-binding-lifetime' });
    sources.perform({ type: 'learn-binding-lifetime' });
    for (const fail of fails) fail(new Error('no answer'));
    await clock.advance(0);
    expect(logger.lines.map(({ fields }) => fields)).toEqual([{ plugin: 'stun', reason: 'no answer' }]);
  });

  it('of each source that can watch changes are told, until they stop; what is gathered and learnt ends too', async () => {
    const signals: AbortSignal[] = [];
    let ended = 0;
    let change = () => {};
    const { clock, sources } = sourcesOf({
      plain: {},
      host: {
        async *gather({ signal: given }) {
          signals.push(given);
          await new Promise(() => undefined);
          yield hostAt('192.0.2.1');
        },
        learnBindingLifetime: ({ signal: given, listenPort }) => {
          signals.push(given);
          expect(listenPort).toBe(51_820);
          return new Promise(() => undefined);
        },
        watch: (onChange) => {
          change = onChange;
          return { [Symbol.dispose]: () => void (ended += 1) };
        },
      },
    });
    let changes = 0;
    sources.watch(() => (changes += 1));
    change();
    sources.perform({ type: 'gather' });
    sources.perform({ type: 'learn-binding-lifetime' });
    await clock.advance(0);
    expect([changes, signals.map(({ aborted }) => aborted)]).toEqual([1, [false, false]]);
    sources.stop();
    sources.stop();
    expect([ended, signals.map(({ aborted }) => aborted)]).toEqual([1, [true, true]]);
  });

  it('one that hangs is named after a while, and not waited for after 25 s; what it found counts', async () => {
    const { clock, sources, take, logger } = sourcesOf({
      slow: {
        async *gather() {
          yield hostAt('192.0.2.1');
          await new Promise(() => undefined);
        },
      },
    });
    const gathered = sources.gather(signal);
    await clock.advance(9_999);
    expect(sources.problemLines()).toEqual([]);
    await clock.advance(1);
    expect(sources.problemLines()).toEqual(['slow: gathering has not finished after 10 s; what it found counts']);
    await clock.advance(15_000);
    await gathered;
    expect(told(take())).toEqual(['slow: 192.0.2.1:51820', 'slow: done, 1']);
    expect(sources.problemLines()).toEqual([
      'slow: gathering has not finished after 25 s; what it found counts: update or remove slow, or tell its author',
    ]);
    expect(logger.lines.map(({ fields }) => fields)).toEqual([{ plugin: 'slow', afterMs: 25_000 }]);
  });

  it('what is no candidate, more than 256 of them, or no NAT behaviour, is refused and counted; a gathering begins anew', async () => {
    let isBad = true;
    const { sources, take } = sourcesOf({
      odd: {
        async *gather() {
          if (isBad) yield { type: 'host' } as never;
          for (let n = 0; isBad && n < 300; n++) yield hostAt(`192.0.2.${n % 250}`);
        },
        natBehavior: () => (isBad ? { mapping: 'full-cone' as never, filtering: null } : undefined),
      },
    });
    await sources.gather(signal);
    expect(told(take()).at(-1)).toBe('odd: done, 255');
    expect(sources.problemLines()).toEqual(
      [
        expect.stringMatching(/^odd: .*expected address/),
        expect.stringMatching(/^odd: the NAT behaviour.*expected mapping/),
        expect.stringMatching(/^odd: what comes after.*at most 256/),
      ].map((line) => line as string),
    );
    expect(sources.counters()['refused.odd: candidate']).toBeGreaterThan(2);
    isBad = false;
    await sources.gather(signal);
    expect(sources.problemLines()).toEqual([]);
  });

  it('of what a source says of itself text counts, one line each, sixteen at most', () => {
    const own = [5, 'two\nlines', ...Array.from({ length: 30 }, (_, n) => `line ${n}`)] as string[];
    const { sources } = sourcesOf({ stun: { problems: () => own } });
    expect(sources.problemLines()).toHaveLength(15);
    expect(sources.problemLines()[0]).not.toContain('\n');
  });

  it.each([
    { thrown: undefined, own: [], lines: [] },
    { thrown: undefined, own: ['1 of 2 does not answer'], lines: ['stun: 1 of 2 does not answer'] },
    { thrown: new Error('none answers'), own: [], lines: ['stun: none answers'] },
    { thrown: new Error('none answers'), own: ['2 of 2 do not answer'], lines: ['stun: 2 of 2 do not answer'] },
  ])('say in one line what is wrong: thrown $thrown, of itself $own', async ({ thrown, own, lines }) => {
    const { sources } = sourcesOf({
      stun: {
        // eslint-disable-next-line require-yield -- it finds nothing
        async *gather() {
          if (thrown) throw thrown;
        },
        problems: () => own,
      },
    });
    await sources.gather(signal);
    expect(sources.problemLines()).toEqual(lines);
  });
});
