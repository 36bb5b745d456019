import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../src/base/time/fake-clock.js';
import { silentLogger } from '../../src/base/logging/memory-logger.js';
import type { Base } from '../../src/contracts/candidate-base.js';
import type { CandidateSource } from '../../src/contracts/candidate-source.js';
import type { Allocation, Relay } from '../../src/contracts/relay.js';
import type { Transport } from '../../src/contracts/transport.js';
import type { DriverEvent } from '../../src/shell/driver/events.js';
import { DriverPorts } from '../../src/shell/driver-ports.js';
import { OwnTraffic } from '../../src/shell/transport/own-traffic.js';
import { idleTransport } from '../assembly/product/sample-product.js';
import { seededRandom } from '../engine/two-engines.js';

const SERVER = { url: 'turn:relay:3478', transport: 'udp' } as const;

/** Ports that have started, to a transport with `sockets` to give besides the shared one. */
async function ports(
  source: Partial<CandidateSource> = {},
  { sockets = 0, tryEndpoint }: { sockets?: number; tryEndpoint?: Transport['tryEndpoint'] } = {},
) {
  const log: string[] = [];
  const relay: Relay = {
    servers: [SERVER],
    allocate: async () =>
      ({
        id: 'a1',
        relayedAddress: transportAddress('203.0.113.10', 50_000),
        refresh: async () => log.push('renewed') > 0,
        onLost: () => ({ [Symbol.dispose]: () => undefined }),
        close: async () => void log.push('closed'),
      }) as unknown as Allocation,
  };
  let opened = 0;
  const openBase = async (family: 4 | 6): Promise<Base> => {
    if (opened === sockets) throw new Error('EMFILE');
    opened += 1;
    return { id: `udp4-${opened}`, family, port: 40_000 + opened, shared: false };
  };
  const datagrams = { bases: [], openBase, onDatagram: () => ({ [Symbol.dispose]: () => undefined }) };
  const transport = { ...idleTransport(), datagrams, tryEndpoint } as unknown as Transport;
  const clock = new FakeClock();
  const events: DriverEvent[] = [];
  const subject = new DriverPorts({
    transport,
    candidateSources: [{ plugin: 'stun', instance: { async *gather() {}, ...source } }],
    relays: [{ plugin: 'relay', instance: relay }],
    signals: { nudge: () => void log.push('nudged'), send: (to) => void log.push(`to ${to}`) },
    ownTraffic: new OwnTraffic(transport, clock, () => undefined),
    clock,
    random: { bytes: seededRandom(1) },
    logger: silentLogger(),
    onEvent: (event) => void events.push(event),
    onChanged: (peer) => void log.push(`changed ${peer}`),
    reflexive: () => [],
    onPong: ({ rttMs }) => void log.push(`pong ${rttMs}`),
  });
  const { signal } = new AbortController();
  subject.start(signal);
  subject.relays.start(signal);
  subject.perform({ type: 'allocate', on: { plugin: 'relay', server: SERVER, canProbe: false } });
  await clock.advance(0);
  const take = () => events.splice(0).map(({ type }) => type);
  expect(take()).toEqual(['sockets', 'relay-servers', 'allocated']);
  return { subject, clock, log, take, events };
}

describe('a refresh that the driver wants', () => {
  it('looks at mappings, renews allocations, and is told when both are done', async () => {
    let answer = (_: boolean) => {};
    const { subject, clock, log, take } = await ports({ refresh: () => new Promise((resolve) => (answer = resolve)) });
    subject.perform({ type: 'refresh' });
    await clock.advance(0);
    expect(log).toEqual(['renewed']);
    expect(take()).toEqual([]);
    answer(true);
    await clock.advance(0);
    expect(take()).toEqual(['mapping-changed', 'refreshed']);
  });

  it('renews allocations though every look at mappings fails, and comes to its end', async () => {
    const { subject, clock, log, take } = await ports({ refresh: () => Promise.reject(new Error('no STUN server')) });
    subject.perform({ type: 'refresh' });
    await clock.advance(0);
    expect(log).toEqual(['renewed']);
    expect(take()).toEqual(['refreshed']);
  });

  it('is over when what has changed is gathered', async () => {
    let finish = () => {};
    const { subject, clock, take } = await ports({
      refresh: async () => true,
      // eslint-disable-next-line require-yield -- it finds nothing
      async *gather() {
        await new Promise<void>((resolve) => (finish = resolve));
      },
    });
    subject.perform({ type: 'gather' });
    await clock.advance(0);
    subject.perform({ type: 'refresh' });
    await clock.advance(0);
    expect(take()).toEqual(['mapping-changed']);
    finish();
    await clock.advance(0);
    expect(take()).toEqual(['nat-behavior', 'gathered', 'gathering-ended', 'refreshed']);
  });
});

it('as many sockets are opened as the engine wants, or as the system gives', async () => {
  const { subject, clock, events } = await ports({}, { sockets: 3 });
  for (const count of [2, 5]) subject.perform({ type: 'open-bases', peer: 'B', family: 4, count });
  await clock.advance(0);
  const opened = events.flatMap((event) => (event.type === 'bases-opened' ? [event.bases.length] : []));
  expect(opened.reduce((sum, count) => sum + count)).toBe(3);
  expect(opened).toHaveLength(2);
});

it('signalling and whoever waits for news of a peer are told', async () => {
  const { subject, log } = await ports();
  subject.perform({ type: 'nudge-signaling' });
  subject.perform({ type: 'changed', peer: 'B' });
  subject.perform({
    type: 'pong',
    peer: 'B',
    path: { baseId: 'udp4', remote: transportAddress('192.0.2.9', 1) },
    rttMs: 7,
  });
  expect(log).toEqual(['nudged', 'changed B', 'pong 7']);
});

it('nothing is begun any more when they have stopped', async () => {
  const { subject, clock, log, take } = await ports({ refresh: async () => true }, { sockets: 1 });
  await subject.stop();
  expect(take()).toEqual(['relay-servers']);
  subject.perform({ type: 'gather' });
  subject.perform({ type: 'refresh' });
  subject.perform({ type: 'open-bases', peer: 'B', family: 4, count: 1 });
  await clock.advance(0);
  expect(take()).toEqual([]);
  expect(log).toEqual([]);
});

describe('an endpoint that the driver wants tried', () => {
  const address = transportAddress('198.51.100.7', 40_000);

  it.each<[string, Transport['tryEndpoint'], boolean]>([
    ['is proven where the device says so', async () => true, true],
    ['is not where it says no', async () => false, false],
    ['is not where it fails', () => Promise.reject(new Error('the device is gone')), false],
    ['is not where nobody can say', undefined, false],
  ])('%s', async (_what, tryEndpoint, proven) => {
    const { subject, clock, events } = await ports({}, { tryEndpoint });
    subject.perform({ type: 'try-endpoint', peer: 'B', trial: 3, address });
    await clock.advance(0);
    expect(events).toEqual([{ type: 'endpoint-tried', peer: 'B', trial: 3, proven }]);
  });

  it('is tried for six seconds at most, and none is once the node has stopped', async () => {
    const given: (AbortSignal | number | string)[] = [];
    const { subject, clock, events } = await ports(
      {},
      {
        tryEndpoint: (peer, { ip }, { timeoutMs, signal }) => {
          given.push(peer, ip, timeoutMs, signal);
          return new Promise(() => undefined);
        },
      },
    );
    subject.perform({ type: 'try-endpoint', peer: 'B', trial: 3, address });
    expect(given.slice(0, 3)).toEqual(['B', address.ip, 6000]);
    await subject.stop();
    subject.perform({ type: 'try-endpoint', peer: 'B', trial: 4, address });
    await clock.advance(10_000);
    expect(events.filter(({ type }) => type === 'endpoint-tried')).toEqual([]);
    expect(given.length).toBe(4);
  });
});
