import { FakeClock } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import { DATAGRAM_BYTES, SLOT_MS } from '../src/protocol/lan-v1.js';
import { MemoryLan } from './memory-lan.js';
import { identityOf, OPENED_MS, TestNode } from './support.js';

const ALICE = identityOf(1);
const BOB = identityOf(2);
const STRANGER = { link: 'eth0', ip: '192.0.2.66', port: 6666 };

function world() {
  const clock = new FakeClock();
  const lan = new MemoryLan(clock);
  let seed = 10;
  const node = (identity: typeof ALICE, peers: readonly (typeof ALICE)[], ip: string, segment = 0) => {
    const network = lan.host(ip, segment);
    return Object.assign(new TestNode(identity, peers, { clock, network, seed: seed++ }), { network });
  };
  return { clock, lan, node };
}

const texts = ({ received }: TestNode) => received.map(({ text }) => text);

describe('the search', () => {
  it('finds whoever starts later, with its first beacon', async () => {
    const { clock, node } = world();
    const [a, b] = [node(ALICE, [BOB], '192.0.2.1'), node(BOB, [ALICE], '192.0.2.2')];
    await a.start();
    await clock.advance(OPENED_MS);
    a.publish(BOB, 'from a');
    await clock.advance(60_000);
    await b.start();
    await clock.advance(OPENED_MS);
    b.publish(ALICE, 'from b');
    await clock.advance(SLOT_MS + 20);
    expect([texts(a), texts(b)]).toEqual([['from b'], ['from a']]);
    expect(a.available).toEqual([BOB.publicKey]);
    await Promise.all([a.client.stop(), b.client.stop()]);
  });

  it('finds whoever is on a network that is bridged to ours later', async () => {
    const { clock, lan, node } = world();
    const [a, b] = [node(ALICE, [BOB], '192.0.2.1', 0), node(BOB, [ALICE], '192.0.2.2', 1)];
    await Promise.all([a.start(), b.start()]);
    await clock.advance(OPENED_MS);
    a.publish(BOB, 'from a');
    b.publish(ALICE, 'from b');
    await clock.advance(120_000);
    expect([texts(a), texts(b)]).toEqual([[], []]);
    lan.bridge(0, 1);
    await clock.advance(20_000);
    expect([texts(a), texts(b)]).toEqual([['from b'], ['from a']]);
    await Promise.all([a.client.stop(), b.client.stop()]);
  });

  it('searches again at once where a link comes up', async () => {
    const { clock, node } = world();
    const [a, b] = [node(ALICE, [BOB], '192.0.2.1'), node(BOB, [ALICE], '192.0.2.2')];
    a.network.connected = false;
    await Promise.all([a.start(), b.start()]);
    await clock.advance(OPENED_MS);
    expect(a.client.states()).toMatchObject([{ state: 'down', error: 'the cable is out' }]);
    a.publish(BOB, 'from a');
    await clock.advance(100_000);
    a.network.connected = true;
    a.client.nudge();
    await clock.advance(SLOT_MS + 20);
    expect(a.client.states()).toMatchObject([{ state: 'up' }]);
    expect(texts(b)).toEqual(['from a']);
    await Promise.all([a.client.stop(), b.client.stop()]);
  });

  it('finds a peer again that was started anew, and so has another port', async () => {
    const { clock, node } = world();
    const a = node(ALICE, [BOB], '192.0.2.1');
    const first = node(BOB, [ALICE], '192.0.2.2');
    await Promise.all([a.start(), first.start()]);
    await clock.advance(OPENED_MS);
    a.publish(BOB, 'one');
    await clock.advance(1000);
    await first.client.stop();
    const second = node(BOB, [ALICE], '192.0.2.2');
    await second.start();
    await clock.advance(OPENED_MS);
    a.publish(BOB, 'two');
    await clock.advance(1000);
    expect([texts(first), texts(second)]).toEqual([['one'], ['two']]);
    await Promise.all([a.client.stop(), second.client.stop()]);
  });

  it('carries messages of every length up to the greatest, in datagrams of one length', async () => {
    const { clock, lan, node } = world();
    const [a, b] = [node(ALICE, [BOB], '192.0.2.1'), node(BOB, [ALICE], '192.0.2.2')];
    await Promise.all([a.start(), b.start()]);
    await clock.advance(OPENED_MS);
    for (const length of [0, 1, 1132, 1133, 1134, 6193, 8192, 8193]) {
      a.publish(BOB, 'x'.repeat(length));
      await clock.advance(2000);
    }
    expect(texts(b).map(({ length }) => length)).toEqual([0, 1, 1132, 1133, 1134, 6193, 8192]);
    expect(new Set(lan.seen.map(({ bytes }) => bytes.length))).toEqual(new Set([DATAGRAM_BYTES]));
    expect(a.client.counters()).toEqual({ 'message-too-long': 1 });
    await Promise.all([a.client.stop(), b.client.stop()]);
  });

  it('ends when the core has not called for some minutes', async () => {
    const { clock, lan, node } = world();
    const a = node(ALICE, [BOB], '192.0.2.1');
    await a.start();
    await clock.advance(OPENED_MS);
    a.publish(BOB, 'from a');
    await clock.advance(600_000);
    const { length } = lan.seen;
    await clock.advance(600_000);
    expect(lan.seen.length).toBe(length);
    await a.client.stop();
  });
});

describe('strangers', () => {
  it('get one answer for a beacon that they repeat, and take nobody’s place', async () => {
    const { clock, lan, node } = world();
    const [a, b] = [node(ALICE, [BOB], '192.0.2.1'), node(BOB, [ALICE], '192.0.2.2')];
    await Promise.all([a.start(), b.start()]);
    await clock.advance(OPENED_MS);
    await clock.advance(1000);
    a.publish(BOB, 'one');
    await clock.advance(1000);
    const copies = [...lan.seen];
    const before = lan.seen.length;
    for (let turn = 0; turn < 100; turn += 1)
      for (const { bytes, to } of copies)
        lan.inject(
          STRANGER,
          bytes,
          to === undefined ? undefined : { link: 'eth0', ip: to.split(' ')[0] ?? '', port: Number(to.split(' ')[1]) },
        );
    await clock.advance(1000);
    const toStranger = lan.seen.slice(before).filter(({ to }) => to === `${STRANGER.ip} ${STRANGER.port}`);
    expect(toStranger).toEqual([]);
    a.publish(BOB, 'two');
    await clock.advance(1000);
    expect(texts(b)).toEqual(['one', 'two']);
    expect(b.client.counters()).toMatchObject({ 'beacon-tag-again': 100 });
    await Promise.all([a.client.stop(), b.client.stop()]);
  });

  it('who were first to send a beacon on get one answer, and hold up the peer by no more than a moment', async () => {
    const { clock, lan, node } = world();
    const [a, b] = [node(ALICE, [BOB], '192.0.2.1', 1), node(BOB, [ALICE], '192.0.2.2', 0)];
    await Promise.all([a.start(), b.start()]);
    await clock.advance(OPENED_MS);
    await clock.advance(1000);
    a.publish(BOB, 'one');
    await clock.advance(SLOT_MS);
    // Bob does not hear the beacon from Alice, but from a stranger.
    const beacon = lan.seen.find(({ to }) => to === undefined);
    lan.inject(STRANGER, beacon?.bytes ?? Buffer.alloc(0));
    await clock.advance(10);
    expect(lan.seen.filter(({ to }) => to === `${STRANGER.ip} ${STRANGER.port}`)).toHaveLength(1);
    lan.bridge(0, 1);
    b.publish(ALICE, 'from b');
    await clock.advance(2000);
    expect([texts(a), texts(b)]).toEqual([['from b'], ['one']]);
    await Promise.all([a.client.stop(), b.client.stop()]);
  });

  it('are no peers: their beacons find nobody, and are not found', async () => {
    const { clock, lan, node } = world();
    const MALLORY = identityOf(3);
    const [b, m] = [node(BOB, [ALICE], '192.0.2.2'), node(MALLORY, [BOB], '192.0.2.3')];
    await Promise.all([b.start(), m.start()]);
    await clock.advance(OPENED_MS);
    m.publish(BOB, 'let me in');
    b.publish(ALICE, 'where are you');
    await clock.advance(60_000);
    expect([texts(b), texts(m)]).toEqual([[], []]);
    expect(lan.seen.filter(({ to }) => to !== undefined)).toEqual([]);
    await Promise.all([b.client.stop(), m.client.stop()]);
  });
});

describe('clocks', () => {
  it.each([0, 5000, 15_000])('may differ by %d ms', async (aheadMs) => {
    const { clock, lan } = world();
    const ahead = Object.assign(Object.create(clock) as FakeClock, { unixMs: () => clock.unixMs() + aheadMs });
    Object.assign(ahead, {
      now: () => clock.now(),
      setTimeout: (callback: () => void, delayMs: number) => clock.setTimeout(callback, delayMs),
    });
    const a = new TestNode(ALICE, [BOB], { clock, network: lan.host('192.0.2.1'), seed: 1 });
    const b = new TestNode(BOB, [ALICE], { clock: ahead, network: lan.host('192.0.2.2'), seed: 2 });
    await Promise.all([a.start(), b.start()]);
    await clock.advance(OPENED_MS);
    a.publish(BOB, 'from a');
    b.publish(ALICE, 'from b');
    await clock.advance(2000);
    expect([texts(a), texts(b)]).toEqual([['from b'], ['from a']]);
    await Promise.all([a.client.stop(), b.client.stop()]);
  });
});
