import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { CandidateSource } from '../../src/contracts/candidate-source.js';
import type { Base } from '../../src/contracts/candidate-base.js';
import type { Datagrams } from '../../src/contracts/datagrams.js';
import type { Allocation, Relay } from '../../src/contracts/relay.js';
import { memoryLogger } from '../../src/base/logging/memory-logger.js';
import { checkCandidate, natBehaviorFault } from '../../src/shell/plugins/check-candidate.js';
import { DriverLoop } from '../../src/shell/timing/driver-loop.js';
import { RelayPlugins } from '../../src/shell/plugins/relay-plugins.js';
import { SourcePlugins } from '../../src/shell/plugins/source-plugins.js';
import { Driver } from '../../src/shell/driver/driver.js';
import type { DriverEffect, RelayEffect } from '../../src/shell/driver/effects.js';
import { FakeClock } from '../../src/base/time/fake-clock.js';
import { seededRandom } from '../engine/two-engines.js';

const BASE: Base = { id: 'udp4', family: 4, port: 51820, shared: true };
const datagrams = { bases: [BASE] } as unknown as Datagrams;
const address = { family: 4, ip: '192.0.2.1', port: 51820 };
const good = { type: 'host', address };
const thrower = (): never => {
  throw new Error('no');
};

describe('a candidate', () => {
  it('is taken over without the source’s own objects', () => {
    const written = {
      ...good,
      base: { id: 'udp4', family: 6, port: 1 },
      priority: 1e9,
      source: 'somebody',
      foundation: 7,
    };
    const result = checkCandidate(written, [BASE]);
    expect(result).toEqual({ candidate: { type: 'host', address, base: BASE } });
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'found undefined'],
    ['text', 'host', 'found "host"'],
    ['a list', [], 'found a list'],
    ['no type', { address }, 'found undefined'],
    ['a type that checks alone find', { type: 'peer-reflexive', address }, 'found "peer-reflexive"'],
    ['a type of Object.prototype', { type: 'constructor', address }, 'found "constructor"'],
    ['no address', { type: 'host' }, 'found undefined'],
    ['an address as text', { type: 'host', address: '192.0.2.1:1' }, 'found "192.0.2.1:1"'],
    ['a port that is no number', { type: 'host', address: { ip: '192.0.2.1', port: NaN } }, 'NaN'],
    ['a port as text', { type: 'host', address: { ip: '192.0.2.1', port: '51820' } }, '"51820"'],
    ['port 0', { type: 'host', address: { ip: '192.0.2.1', port: 0 } }, 'and 0'],
    ['a name for an address', { type: 'host', address: { ip: 'host.example', port: 1 } }, '"host.example"'],
    ['a strange base', { ...good, base: { id: 'udp7' } }, 'found id "udp7"'],
    ['a base that is text', { ...good, base: 'udp4' }, 'found "udp4"'],
    ['a preference that is none', { ...good, localPreference: Infinity }, 'found Infinity'],
    ['a preference beyond 16 bits', { ...good, localPreference: 65536 }, 'found 65536'],
    ['a server that is none', { ...good, server: {} }, 'found a object'],
    ['a server without end', { ...good, server: 'x'.repeat(1000) }, 'at most 256'],
    ['a broken related address', { ...good, relatedAddress: { ip: 1 } }, 'relatedAddress'],
    [
      'a getter that throws',
      {
        type: 'host',
        get address() {
          return thrower();
        },
      },
      'it throws when it is read',
    ],
    ['a proxy that throws', new Proxy({}, { get: thrower }), 'it throws when it is read'],
  ])('%s is refused, with what was expected', (_, value, why) => {
    expect(checkCandidate(value, [BASE])).toMatchObject({ why: expect.stringContaining(why) });
  });
});

it.each<[string, () => unknown, RegExp]>([
  ['nothing', () => null, /found null/],
  ['another word', () => ({ mapping: 'symmetric', filtering: null }), /found "symmetric"/],
  ['half of it', () => ({ mapping: null }), /filtering/],
  ['what throws', () => new Proxy({}, { get: thrower }), /throws/],
])('a NAT behaviour that is none: %s', (_, value, why) => {
  expect(natBehaviorFault(value())).toMatch(why);
});

/** A driver that has not started: it takes what plugins give, and asks for nothing but allocations. */
function driving(perform: (effect: DriverEffect) => void = () => undefined) {
  const clock = new FakeClock();
  const driver = new Driver({
    ownKey: 'A',
    holePunchTimeoutMs: 15_000,
    maxCandidatePairs: 10,
    refreshIntervalMs: 60_000,
    random: seededRandom(1),
  });
  const loop = new DriverLoop({ driver, clock, guard: { run: (_what, action) => action() }, perform });
  return { clock, driver, loop };
}

function gatheringFrom(given: Record<string, Partial<CandidateSource> | (() => unknown)>) {
  const { clock, driver, loop } = driving();
  const logger = memoryLogger();
  const plugins = Object.entries(given).map(([plugin, source]) => {
    const instance = typeof source === 'function' ? { gather: source } : source;
    return { plugin, instance: instance as CandidateSource };
  });
  const sources = new SourcePlugins(plugins, {
    clock,
    logger,
    sockets: () => ({ datagrams, listenPort: 51820 }),
    onEvent: (event) => loop.handle(event),
  });
  const controller = new AbortController();
  let done = false;
  void sources.gather(controller.signal).then(() => (done = true));
  return { clock, logger, sources, list: () => driver.candidates.list(), controller, done: () => done };
}

const host = async function* () {
  yield good;
};

describe('a source', () => {
  it('that yields garbage is named and counted, and goes on; its next gathering that is right settles it', async () => {
    let broken = true;
    const mixed = async function* () {
      if (broken) yield { type: 'host' };
      yield good;
    };
    const { clock, sources, list } = gatheringFrom({ '@x/odd': mixed });
    await clock.advance(0);
    expect(list()).toHaveLength(1);
    expect(sources.counters()).toEqual({ 'refused.@x/odd: candidate': 1 });
    expect(sources.problemLines()).toEqual([expect.stringMatching(/^@x\/odd: a host candidate is refused: .*author$/)]);
    broken = false;
    await sources.gather(new AbortController().signal);
    expect(sources.problemLines()).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    [
      'candidates',
      async function* () {
        for (;;) yield good;
      },
    ],
    [
      'garbage',
      async function* () {
        for (;;) yield null;
      },
    ],
  ])('that yields %s without end is cut off', async (_, endless) => {
    const { clock, sources, list, done } = gatheringFrom({ '@x/endless': endless, '@x/host': host });
    await clock.advance(0);
    for (let turn = 0; turn < 20; turn++) await clock.advance(0);
    expect(done()).toBe(true);
    expect(sources.problemLines().join()).toContain('@x/endless: what comes after is refused: expected at most 256');
    expect(list()).toHaveLength(1);
  });

  it('that never ends is named after 10 s and waited for 25 s at most; what it found counts', async () => {
    const hanging = async function* () {
      yield good;
      await new Promise(() => undefined);
    };
    const { clock, sources, list, done } = gatheringFrom({ '@x/hangs': hanging });
    await clock.advance(10_000);
    expect(sources.problemLines()).toEqual(['@x/hangs: gathering has not finished after 10 s; what it found counts']);
    expect(done()).toBe(false);
    await clock.advance(15_000);
    expect(done()).toBe(true);
    expect(list()).toHaveLength(1);
    expect(sources.problemLines()).toEqual([expect.stringContaining('25 s')]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('that ignores the signal keeps nobody waiting', async () => {
    const { clock, controller, done } = gatheringFrom({
      '@x/deaf': () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }),
    });
    await clock.advance(0);
    controller.abort();
    await clock.advance(0);
    expect(done()).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['no iterator', () => ({ [Symbol.asyncIterator]: () => 7 })],
    ['results that are none', () => ({ [Symbol.asyncIterator]: () => ({ next: async () => undefined }) })],
    ['an error', thrower],
  ])('that gives %s is named, and the others’ candidates stay', async (_, gather) => {
    const { clock, sources, list, done } = gatheringFrom({ '@x/odd': gather, '@x/host': host });
    await clock.advance(0);
    expect(done()).toBe(true);
    expect(list().map(({ source }) => source)).toEqual(['@x/host']);
    expect(sources.problemLines()).toEqual([expect.stringMatching(/^@x\/odd: /)]);
  });

  it('whose own problems are no text has none', async () => {
    const problems = () => [Symbol('x'), 7, 'two\nlines', null] as unknown as string[];
    const { sources } = gatheringFrom({ '@x/odd': { gather: host as unknown as CandidateSource['gather'], problems } });
    expect(sources.problemLines()).toEqual(['@x/odd: two lines']);
  });
});

describe('a relay', () => {
  const allocation = (more: object = {}): Allocation =>
    ({
      id: 'a1',
      relayedAddress: transportAddress('198.51.100.1', 50000),
      rttMs: 5,
      permit: async () => ({ kind: 'stream', allocationId: 'a1', send: () => undefined }),
      release: () => undefined,
      refresh: async () => true,
      onLost: () => ({ [Symbol.dispose]: () => undefined }),
      close: async () => undefined,
      ...more,
    }) as unknown as Allocation;

  const SERVER = { url: 'turn:relay.test', transport: 'udp' };

  function relaying(allocate: () => Promise<Allocation>, servers: unknown[] = [SERVER]) {
    const { clock, driver, loop } = driving((effect) => relays.perform(effect as RelayEffect));
    const relays = new RelayPlugins([{ plugin: '@x/relay', instance: { servers, allocate } as unknown as Relay }], {
      clock,
      logger: memoryLogger(),
      datagrams: () => datagrams,
      onEvent: (event) => {
        permissions.push(...(event.type === 'permission' ? [event.granted] : []));
        loop.handle(event);
      },
    });
    const permissions: unknown[] = [];
    relays.start(new AbortController().signal);
    return { clock, relays, states: () => driver.allocations.states(), permissions };
  }

  it.each<[string, object]>([
    ['no address', { relayedAddress: undefined }],
    ['an address that is none', { relayedAddress: { family: 4, ip: 'x', port: 1 } }],
    ['a port that is none', { relayedAddress: { family: 4, ip: '198.51.100.1', port: NaN } }],
    ['a mapped address that is none', { mappedAddress: {} }],
    ['no id', { id: undefined }],
  ])('that allocates with %s is refused by name, and asked again', async (_, more) => {
    let closed = 0;
    const { clock, relays, states } = relaying(async () =>
      allocation({ ...more, close: async () => void (closed += 1) }),
    );
    await clock.advance(0);
    expect(states()).toMatchObject([{ state: 'down', error: expect.stringContaining('@x/relay: allocate: expected') }]);
    expect(relays.problems()).toEqual([
      expect.stringMatching(/^@x\/relay: the allocation on turn:relay.test is refused/),
    ]);
    expect(closed).toBe(1);
    await clock.advance(1000);
    expect(relays.counters()).toEqual({ 'refused.@x/relay: allocation': 2 });
  });

  it('that never answers is down after a minute, and what comes late is closed', async () => {
    let answer = (_: Allocation) => {};
    let closed = 0;
    const { clock, states } = relaying(() => new Promise((resolve) => (answer = resolve)));
    await clock.advance(60_000);
    expect(states()).toMatchObject([{ state: 'down', error: '@x/relay: allocate: not done after 60 s' }]);
    answer(allocation({ close: async () => void (closed += 1) }));
    await clock.advance(0);
    expect(closed).toBe(1);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a channel out of range', { kind: 'channel', allocationId: 'a1', channel: 7, base: BASE, server: address }],
    ['a base of nobody', { kind: 'channel', allocationId: 'a1', channel: 0x4000, base: {}, server: address }],
    ['a stream that cannot send', { kind: 'stream', allocationId: 'a1' }],
    ['another allocation’s framing', { kind: 'stream', allocationId: 'b', send: thrower }],
  ])('that permits with %s has refused the permission', async (_, framing) => {
    const { clock, relays, permissions } = relaying(async () => allocation({ permit: async () => framing }));
    await clock.advance(0);
    const path = { baseId: 'a1', remote: transportAddress('192.0.2.7', 1) };
    relays.perform({ type: 'permit', peer: 'B', path });
    await clock.advance(0);
    expect(permissions).toEqual([{ error: expect.stringContaining('@x/relay: permit: ') }]);
  });

  it('with servers that are none uses the others', async () => {
    const { clock, relays, states } = relaying(
      async () => allocation(),
      [null, {}, { url: 7 }, { url: 'turn:a' }, { url: 'turn:b', transport: 'quic' }, SERVER],
    );
    await clock.advance(0);
    expect(states().map(({ url }) => url)).toEqual(['turn:relay.test']);
    expect(relays.problems()).toHaveLength(1);
  });
});
