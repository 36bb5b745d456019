import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../src/base/identity/create-identity.js';
import { PluginPhases } from '../../../src/base/guard/plugin-phases.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import type { Signaling, SignalingState } from '../../../src/contracts/signaling.js';
import type { DriverEvent } from '../../../src/shell/driver/events.js';
import { SignalExchange } from '../../../src/shell/plugins/signal-exchange.js';
import { MessageSeal } from '../../../src/shell/sealing/message-seal.js';
import { seededRandom } from '../../engine/two-engines.js';
import { SAMPLE_MESSAGE } from '../../engine/sample-message.js';

/** A signalling plugin in the hands of the test, `log` what is asked of it. */
function plugin(name: string, log: string[], more: Partial<Signaling> = {}) {
  const listeners = {} as Record<string, (event: never) => void>;
  const subscribe = (to: string) => (listener: (event: never) => void) => {
    listeners[to] = listener;
    return { [Symbol.dispose]: () => void log.push(`${name}: no more ${to}`) };
  };
  const instance: Signaling = {
    start: async () => void log.push(`${name}: start`),
    stop: async () => void log.push(`${name}: stop`),
    publish: (to) => void log.push(`${name}: to ${to}`),
    nudge: () => void log.push(`${name}: nudge`),
    onMessage: subscribe('message'),
    states: () => [],
    onStateChange: subscribe('state'),
    onUndeliverable: subscribe('undeliverable'),
    onAvailable: subscribe('available'),
    ...more,
  };
  const tell = (what: string, event: object) => listeners[what]?.(event as never);
  return { plugin: name, instance, tell };
}

function exchangeOver(...plugins: ReturnType<typeof plugin>[]) {
  const random = seededRandom(4);
  const clock = new FakeClock();
  const [own, peer] = [1, 2].map(() => createIdentity(random(32))) as [ReturnType<typeof createIdentity>, never];
  const b = peer as ReturnType<typeof createIdentity>;
  const events: DriverEvent[] = [];
  const phases = new PluginPhases();
  const exchange = new SignalExchange({
    identity: own,
    clock,
    random: { bytes: random },
    signalings: plugins,
    isPeer: (key) => key === b.publicKey,
    nameOf: (key) => (key === b.publicKey ? 'b' : undefined),
    onEvent: (event) => void events.push(event),
    phases,
  });
  const start = () => exchange.start(new AbortController().signal);
  const sealedAt = (unixMs: number) => {
    const seal = new MessageSeal(b, { ...clock, unixMs: () => unixMs } as unknown as FakeClock, { bytes: random });
    return { from: b.publicKey, sealed: seal.seal(own.publicKey, SAMPLE_MESSAGE) };
  };
  return { exchange, clock, events, start, b, sealedAt, phases };
}

describe('what signalling says is an event', () => {
  it.each([
    ['a server could not deliver', 'undeliverable', { to: 'B' }, { type: 'peer-undeliverable', peer: 'B' }],
    ['a peer has come', 'available', { publicKey: 'B' }, { type: 'peer-available', peer: 'B' }],
  ])('%s', async (_what, event, told, expected) => {
    const one = plugin('one', []);
    const { start, events } = exchangeOver(one);
    await start();
    one.tell(event, told);
    expect(events).toEqual([expected]);
  });

  it('a message of a peer, the first copy of it', async () => {
    const [one, two] = [plugin('one', []), plugin('two', [])];
    const { exchange, start, events, b, sealedAt } = exchangeOver(one, two);
    await start();
    const sent = sealedAt(3_600_000);
    for (const { tell } of [one, two]) tell('message', sent);
    expect(events).toEqual([{ type: 'message', peer: b.publicKey, message: SAMPLE_MESSAGE }]);
    expect(exchange.counters.snapshot()).toEqual({ 'message-stale': 1 });
  });

  it('what was wrong with a peer is over with a message of it that is right, or with the peer', async () => {
    const one = plugin('one', []);
    const { exchange, start, b, sealedAt } = exchangeOver(one);
    await start();
    const wrong = () => one.tell('message', { from: b.publicKey, sealed: Uint8Array.of(99) });
    wrong();
    expect(exchange.problems()).toHaveLength(1);
    one.tell('message', sealedAt(1000));
    expect(exchange.problems()).toEqual([]);
    wrong();
    exchange.forget(b.publicKey);
    expect(exchange.problems()).toEqual([]);
  });
});

const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000];

it.each([
  [9000, undefined],
  [11_000, '11 seconds'],
  [119_000, '119 seconds'],
  [121_000, '2 minutes'],
  [119 * MINUTE_MS, '119 minutes'],
  [121 * MINUTE_MS, '2 hours'],
  [47 * HOUR_MS, '47 hours'],
  [49 * HOUR_MS, '2 days'],
])('a peer whose clock is %d ms behind what it was is told as %s older', async (behindMs, told) => {
  const one = plugin('one', []);
  const { exchange, start, sealedAt } = exchangeOver(one);
  await start();
  one.tell('message', sealedAt(1_000_000_000));
  one.tell('message', sealedAt(1_000_000_000 - behindMs));
  expect(exchange.problems()).toEqual(told === undefined ? [] : [expect.stringContaining(`it is ${told} older`)]);
});

describe('plugins', () => {
  it('all publish what is sent, and are nudged; one that has no such thing is not', async () => {
    const log: string[] = [];
    const { nudge: _, ...still } = plugin('two', log).instance;
    const two = { ...plugin('two', log), instance: still };
    const { exchange, start, b } = exchangeOver(plugin('one', log), two);
    await start();
    log.length = 0;
    exchange.send(b.publicKey, SAMPLE_MESSAGE);
    exchange.nudge();
    expect(log).toEqual([`one: to ${b.publicKey}`, `two: to ${b.publicKey}`, 'one: nudge']);
  });

  it('a peer that has spoken is answered in the next turn, whatever waits', async () => {
    const log: string[] = [];
    const one = plugin('one', log);
    const { exchange, clock, start, b, sealedAt } = exchangeOver(one);
    await start();
    one.tell('message', sealedAt(1000));
    const random = seededRandom(5);
    for (let i = 0; i < 40; i++) exchange.send(createIdentity(random(32)).publicKey, SAMPLE_MESSAGE);
    exchange.send(b.publicKey, SAMPLE_MESSAGE);
    await clock.advance(20);
    expect(log).toContain(`one: to ${b.publicKey}`);
  });

  it.each<[string, SignalingState['state'][], boolean]>([
    ['one server of several is up', ['down', 'up'], true],
    ['none is', ['down', 'connecting'], false],
    ['there is none', [], false],
  ])('signalling is up where %s', (_where, states, isUp) => {
    const one = plugin('one', [], { states: () => states.map((state) => ({ url: state, state, sinceMs: 0 })) });
    expect(exchangeOver(plugin('none', []), one).exchange.isUp).toBe(isUp);
  });

  it('one that does not start fails with its name, and one that hangs after 25 s', async () => {
    const failing = plugin('bad', [], { start: () => Promise.reject(new Error('no such server')) });
    await expect(exchangeOver(failing).start()).rejects.toMatchObject({ code: 'PLUGIN_FAILED', plugin: 'bad' });
    const { start, clock, phases } = exchangeOver(plugin('slow', [], { start: () => new Promise(() => undefined) }));
    let failed = false;
    const starting = start().catch((error: unknown) => {
      failed = true;
      return error;
    });
    await clock.advance(24_999);
    expect(failed).toBe(false);
    expect(phases.running()).toMatchObject([{ plugin: 'slow', phase: 'start' }]);
    await clock.advance(1);
    await expect(starting).resolves.toMatchObject({ code: 'TIMEOUT', plugin: 'slow' });
  });

  it('all are stopped though one fails; nothing is heard or sent any more', async () => {
    const log: string[] = [];
    const bad = plugin('bad', log, { stop: () => Promise.reject(new Error('cannot stop')) });
    const { exchange, clock, start } = exchangeOver(bad, plugin('good', log));
    await start();
    const random = seededRandom(6);
    for (let i = 0; i < 40; i++) exchange.send(createIdentity(random(32)).publicKey, SAMPLE_MESSAGE);
    log.length = 0;
    await expect(exchange.stop()).rejects.toThrow('cannot stop');
    await clock.advance(1000);
    const ends = ['message', 'state', 'undeliverable', 'available'];
    const expected = ['bad', 'good'].flatMap((name) => ends.map((what) => `${name}: no more ${what}`));
    expect(log).toEqual([...expected, 'good: stop']);
  });
});
