import { describe, expect, it } from 'vitest';
import {
  KEEPALIVE_TIMEOUT_MS,
  PATH_CHANGE_HANDSHAKE_SPACING_MS,
  REJECT_AFTER_TIME_MS,
  REKEY_AFTER_TIME_MS,
  REKEY_TIMEOUT_JITTER_MAX_MS,
  REKEY_TIMEOUT_MS,
  STAGED_PACKETS_MAX,
} from '../../src/protocol/constants.js';
import { connectedPair, pair, path, type Network, type Node } from './link.js';

const INITIATION = 1;
const KEEPALIVE_BYTES = 32;
const S = 1000;

/** When `node` sent its initiations, ms after `since`. */
function initiations(network: Network, node: Node, since: number): number[] {
  return network.log
    .filter(({ at, from, datagram }) => at >= since && from === node.name && datagram[0] === INITIATION)
    .map(({ at }) => at - since);
}

function keepalives(network: Network, node: Node, since: number): number[] {
  return network.log
    .filter(({ at, from, datagram }) => at >= since && from === node.name && datagram.length === KEEPALIVE_BYTES)
    .map(({ at }) => at - since);
}

function expectWithin(times: number[], bounds: readonly (readonly [number, number])[]): void {
  expect(times).toHaveLength(bounds.length);
  bounds.forEach(([least, most], i) => {
    expect(times[i]).toBeGreaterThanOrEqual(least);
    expect(times[i]).toBeLessThanOrEqual(most);
  });
}

const retransmission = (n: number) =>
  [n * REKEY_TIMEOUT_MS, n * (REKEY_TIMEOUT_MS + REKEY_TIMEOUT_JITTER_MAX_MS)] as const;

describe('initiation', () => {
  it('is repeated every REKEY_TIMEOUT and a jitter, for REKEY_ATTEMPT_TIME, then given up', () => {
    const { network, a, b } = pair();
    network.policy = () => [];
    const since = network.now;
    a.say(b, 'lost');
    network.run(300 * S);
    expectWithin(
      initiations(network, a, since),
      Array.from({ length: 19 }, (_, n) => retransmission(n)),
    );
    expect(a.peer(b).counters.stagedDropped).toBe(1);
    expect(a.peer(b).handshakePending).toBe(false);
  });

  it('starts again with the next packet after it was given up', () => {
    const { network, a, b } = pair();
    network.policy = () => [];
    a.say(b, 'lost');
    network.run(300 * S);
    network.policy = () => [10];
    a.say(b, 'again');
    network.run(100);
    expect(b.heard()).toEqual(['again']);
  });

  it('every repetition differs from the one before: fresh keys, later time', () => {
    const { network, a, b } = pair();
    network.policy = () => [];
    a.say(b, 'x');
    network.run(30 * S);
    const seen = new Set(network.log.map(({ datagram }) => Buffer.from(datagram).toString('hex')));
    expect(seen.size).toBe(network.log.length);
  });

  it('packets wait in a bounded queue, the oldest is dropped first', () => {
    const { network, a, b } = pair();
    for (let i = 0; i < STAGED_PACKETS_MAX + 10; i++) expect(a.say(b, `${i}`)).toBe('queued');
    network.run(100);
    expect(b.heard()[0]).toBe('10');
    expect(b.heard()).toHaveLength(STAGED_PACKETS_MAX);
    expect(a.peer(b).counters.stagedDropped).toBe(10);
  });
});

describe('initiateHandshake', () => {
  const cases: { name: string; calls: { at: number; force?: boolean }[]; sends: (readonly [number, number])[] }[] = [
    { name: 'at once', calls: [{ at: 0 }], sends: [[0, 0]] },
    {
      name: 'again too early: with the retransmission',
      calls: [{ at: 0 }, { at: 20 }],
      sends: [[0, 0], retransmission(1)],
    },
    {
      name: 'path changed: at once, when 50 ms have passed',
      calls: [{ at: 0 }, { at: 60, force: true }],
      sends: [
        [0, 0],
        [60, 60],
      ],
    },
    {
      name: 'path changed too early: kept, and sent at 50 ms',
      calls: [{ at: 0 }, { at: 10, force: true }],
      sends: [
        [0, 0],
        [PATH_CHANGE_HANDSHAKE_SPACING_MS, PATH_CHANGE_HANDSHAKE_SPACING_MS],
      ],
    },
    {
      name: 'many path changes: one every 50 ms',
      calls: [0, 10, 20, 30, 70, 80, 120].map((at) => ({ at, force: true })),
      sends: [
        [0, 0],
        [50, 50],
        [100, 100],
        [150, 150],
      ],
    },
  ];

  it.each(cases)('$name', ({ calls, sends }) => {
    const { network, a, b } = pair();
    network.policy = () => [];
    const since = network.now;
    for (const { at, force } of calls) {
      network.runUntil(since + at);
      a.device.initiateHandshake(b.device.publicKey, network.now, force === undefined ? {} : { force });
    }
    network.runUntil(since + retransmission(1)[1]);
    expectWithin(initiations(network, a, since).slice(0, sends.length), sends);
  });

  it('on a session younger than REKEY_TIMEOUT: kept, and sent then', () => {
    const { network, a, b } = pair();
    const since = network.now;
    a.say(b, 'hello');
    network.run(1000);
    a.device.initiateHandshake(b.device.publicKey, network.now);
    network.run(10 * S);
    expectWithin(initiations(network, a, since), [[0, 0], retransmission(1)]);
  });

  it('a path change overtakes a request that waits', () => {
    const { network, a, b } = connectedPair();
    const since = network.now;
    network.policy = () => [];
    a.device.initiateHandshake(b.device.publicKey, network.now);
    network.run(1000);
    a.device.initiateHandshake(b.device.publicKey, network.now, { force: true });
    network.run(6 * S);
    const [least, most] = retransmission(1);
    expectWithin(initiations(network, a, since), [
      [1000, 1000],
      [1000 + least, 1000 + most],
    ]);
  });

  it('a responder whose response brought nothing up waits REKEY_TIMEOUT too', () => {
    const { network, a, b } = pair();
    const since = network.now;
    network.policy = (_datagram, from) => (from.name === 'a' && network.now > since ? [] : [10]);
    a.device.initiateHandshake(b.device.publicKey, network.now);
    network.run(100);
    expect(b.say(a, 'waits')).toBe('queued');
    network.run(5 * S + 500);
    const [least, most] = retransmission(1);
    expectWithin(initiations(network, b, since), [[10 + least, 10 + most]]);
  });

  it('a request that waits is dropped when a session comes up meanwhile', () => {
    const { network, a, b } = pair();
    network.policy = () => [20];
    const since = network.now;
    a.device.initiateHandshake(b.device.publicKey, network.now);
    network.run(10);
    network.runUntil(since + 39);
    a.device.initiateHandshake(b.device.publicKey, network.now, { force: true });
    network.run(10 * S);
    expect(initiations(network, a, since)).toEqual([0]);
  });

  it('without a path: asks for one, and is sent when there is one', () => {
    const { network, a, b } = pair({ paths: [] });
    a.device.initiateHandshake(b.device.publicKey, network.now);
    expect(a.pathsWanted).toBe(1);
    network.run(20 * S);
    expect(network.log).toEqual([]);
    a.device.setPaths(b.device.publicKey, [path('a', 'b')], network.now);
    expect(network.log).toHaveLength(1);
  });
});

describe('rekeying', () => {
  it('the initiator rekeys with the first packet after REKEY_AFTER_TIME, the responder does not', () => {
    const { network, a, b } = connectedPair();
    network.run(REKEY_AFTER_TIME_MS - 200);
    const since = network.now;
    b.say(a, 'still young');
    a.say(b, 'still young');
    network.run(S);
    expect(initiations(network, a, since)).toEqual([]);
    b.say(a, 'responder');
    network.run(100);
    expect(initiations(network, b, since)).toEqual([]);
    a.say(b, 'initiator');
    network.run(100);
    expect(initiations(network, a, since)).toHaveLength(1);
    expect(a.handshakes).toHaveLength(2);
    expect(b.heard()).toEqual(['hello', 'still young', 'initiator']);
  });

  it.each([
    { ageMs: REJECT_AFTER_TIME_MS - KEEPALIVE_TIMEOUT_MS - REKEY_TIMEOUT_MS - 1, rekeys: 0 },
    { ageMs: REJECT_AFTER_TIME_MS - KEEPALIVE_TIMEOUT_MS - REKEY_TIMEOUT_MS, rekeys: 1 },
  ])('data received on a session of $ageMs ms lets its initiator rekey: $rekeys', ({ ageMs, rekeys }) => {
    const { network, a, b } = connectedPair();
    const established = a.handshakes[0]!.now;
    network.policy = (datagram) => (datagram[0] === INITIATION ? [] : [10]);
    network.runUntil(established + ageMs - 10);
    const since = network.now;
    b.say(a, 'one');
    b.say(a, 'two');
    network.run(10);
    expect(initiations(network, a, since)).toHaveLength(rekeys);
    expect(initiations(network, b, since)).toHaveLength(0);
  });

  it('traffic goes on over many rekeys without a loss', () => {
    const { network, a, b } = connectedPair();
    const sent: string[] = [];
    for (let i = 0; i < 600; i++) {
      sent.push(`${i}`);
      expect(a.say(b, `${i}`)).toBe('sent');
      expect(b.say(a, `${i}`)).toBe('sent');
      network.run(S);
    }
    expect(b.heard().slice(1)).toEqual(sent);
    expect(a.heard()).toEqual(sent);
    expect(a.handshakes.length).toBe(5);
  });

  it('a session is neither sent nor received on after REJECT_AFTER_TIME', () => {
    const { network, a, b } = connectedPair();
    network.run(REJECT_AFTER_TIME_MS - 200);
    network.policy = (datagram) => (datagram[0] === 4 ? [3000] : []);
    expect(a.say(b, 'too late')).toBe('sent');
    network.run(5 * S);
    expect(b.heard()).toEqual(['hello']);
    expect(b.device.drops['expired-session']).toBe(1);
    expect(a.peer(b).sessionState(network.now)).toBe('stale');
    expect(a.say(b, 'waits')).toBe('queued');
  });

  it('keys are erased three REJECT_AFTER_TIMEs after the last session', () => {
    const { network, a, b } = connectedPair();
    const derived = a.handshakes[0]!.now;
    network.runUntil(derived + 3 * REJECT_AFTER_TIME_MS - 1);
    expect(a.peer(b).sessionState(network.now)).toBe('stale');
    network.run(1);
    expect(a.peer(b).sessionState(network.now)).toBe('none');
  });

  it('after eight hours of sleep the next packet brings up a new session', () => {
    const { network, a, b } = connectedPair({ persistentKeepaliveSeconds: 25 });
    network.run(30 * S);
    network.now += 8 * 3600 * S;
    expect(a.say(b, 'good morning')).toBe('queued');
    network.run(100);
    expect(b.heard()).toEqual(['hello', 'good morning']);
  });

  it('also when only the timers notice the sleep', () => {
    const { network, a, b } = connectedPair({ persistentKeepaliveSeconds: 25 });
    network.now += 8 * 3600 * S;
    network.run(100);
    expect(a.say(b, 'good morning')).toBe('sent');
    network.run(100);
    expect(b.heard()).toEqual(['hello', 'good morning']);
  });
});

describe('keepalives', () => {
  it('data that is not answered with data is answered with a keepalive after KEEPALIVE_TIMEOUT', () => {
    const { network, a, b } = connectedPair();
    network.run(60 * S);
    const since = network.now;
    a.say(b, 'one-sided');
    network.run(60 * S);
    expect(keepalives(network, b, since)).toEqual([10 + KEEPALIVE_TIMEOUT_MS]);
    expect(keepalives(network, a, since)).toEqual([]);
  });

  it('data that is answered with data is not', () => {
    const { network, a, b } = connectedPair();
    network.run(60 * S);
    const since = network.now;
    a.say(b, 'question');
    network.run(5 * S);
    b.say(a, 'answer');
    network.run(5 * S);
    expect(keepalives(network, b, since)).toEqual([]);
  });

  it('data that is followed by a handshake is not', () => {
    const { network, a, b } = connectedPair();
    network.run(60 * S);
    const since = network.now;
    a.say(b, 'question');
    network.run(5 * S);
    a.device.initiateHandshake(b.device.publicKey, network.now, { force: true });
    network.run(60 * S);
    expect(keepalives(network, b, since)).toEqual([]);
  });

  it('a second keepalive follows when data arrived while the first was due', () => {
    const { network, a, b } = connectedPair();
    network.run(60 * S);
    const since = network.now;
    a.say(b, 'one');
    network.run(5 * S);
    a.say(b, 'two');
    network.run(60 * S);
    expect(keepalives(network, b, since)).toEqual([10 + KEEPALIVE_TIMEOUT_MS, 10 + 2 * KEEPALIVE_TIMEOUT_MS]);
  });

  it('data without any answer starts a handshake after KEEPALIVE_TIMEOUT + REKEY_TIMEOUT', () => {
    const { network, a, b } = connectedPair();
    network.run(60 * S);
    network.policy = () => [];
    const since = network.now;
    a.say(b, 'into the void');
    network.run(16 * S);
    const due = KEEPALIVE_TIMEOUT_MS + REKEY_TIMEOUT_MS;
    expectWithin(initiations(network, a, since), [[due, due + REKEY_TIMEOUT_JITTER_MAX_MS]]);
  });

  it('an idle session is silent without persistent keepalive', () => {
    const { network } = connectedPair();
    network.run(30 * S);
    const since = network.log.length;
    network.run(600 * S);
    expect(network.log).toHaveLength(since);
  });

  it('persistent keepalive sends when nothing else passed for the interval', () => {
    const { network, a, b } = connectedPair();
    network.run(30 * S);
    const since = network.now;
    a.device.updatePeer(b.device.publicKey, { persistentKeepaliveSeconds: 25 }, network.now);
    network.run(60 * S);
    // At once, then every interval.
    expect(keepalives(network, a, since)).toEqual([0, 25 * S, 50 * S]);
    a.device.updatePeer(b.device.publicKey, { persistentKeepaliveSeconds: 0 }, network.now);
    network.run(60 * S);
    expect(keepalives(network, a, since)).toHaveLength(3);
  });

  it('persistent keepalive brings the session up and keeps it', () => {
    const { network, a, b } = pair();
    a.device.updatePeer(b.device.publicKey, { persistentKeepaliveSeconds: 25 }, network.now);
    for (let i = 0; i < 60; i++) {
      network.run(10 * S);
      expect(a.peer(b).sessionState(network.now)).toBe('alive');
    }
    expect(a.handshakes.length).toBeGreaterThan(3);
  });
});

describe('last handshake', () => {
  it('is in ms of wall clock, so that two in one second differ', () => {
    const { network, a, b } = pair();
    a.say(b, 'x');
    network.run(60);
    const first = a.peer(b).lastHandshakeUnixMs!;
    expect(first).toBe(network.wallOffsetMs + a.handshakes[0]!.now);
    a.device.initiateHandshake(b.device.publicKey, network.now, { force: true });
    network.run(60);
    const second = a.peer(b).lastHandshakeUnixMs!;
    expect(second).toBeGreaterThan(first);
    expect(Math.floor(second / 1000)).toBe(Math.floor(first / 1000));
  });
});

describe('the wall clock stepping back', () => {
  it('does not make our initiations look old', () => {
    const { network, a, b } = connectedPair();
    network.wallOffsetMs -= 3600 * S;
    network.run(200 * S);
    a.say(b, 'later');
    network.run(100);
    expect(b.heard()).toEqual(['hello', 'later']);
    expect(b.device.drops['stale-timestamp']).toBe(0);
  });
});
