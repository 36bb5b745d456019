import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Undelivered } from '../src/client/undelivered.js';
import { Outbox } from '../src/protocol/outbox.js';
import { reconnectDelayMs, replacedDelayMs } from '../src/protocol/reconnect-delay.js';
import { WaitingSenders } from '../src/protocol/waiting-senders.js';
import { ConnectionGate } from '@wirepath/core/plugin';
import { seededRandom } from './support.js';

describe('outbox', () => {
  it('keeps the newest per recipient, in the order of the first', () => {
    const outbox = new Outbox();
    outbox.put('a', Buffer.from('1'), 0);
    outbox.put('b', Buffer.from('2'), 0);
    outbox.put('a', Buffer.from('3'), 1);
    expect(outbox.peek(1)).toMatchObject({ to: 'a', sealed: Buffer.from('3') });
    outbox.remove('a');
    expect(outbox.peek(1)).toMatchObject({ to: 'b' });
  });

  it('drops what is stale', () => {
    const outbox = new Outbox();
    outbox.put('a', Buffer.from('1'), 0);
    outbox.put('b', Buffer.from('2'), 10_000);
    expect(outbox.peek(15_000)).toMatchObject({ to: 'b' });
    expect(outbox.peek(25_000)).toBeUndefined();
  });

  it('is bounded in recipients and bytes, and has room again when entries are stale', () => {
    const byCount = new Outbox();
    for (let i = 0; i < 8192; i++) expect(byCount.put(`${i}`, Buffer.of(1), 0)).toBe(true);
    expect(byCount.put('one more', Buffer.of(1), 0)).toBe(false);
    expect(byCount.put('0', Buffer.of(2), 0)).toBe(true);
    expect(byCount.put('one more', Buffer.of(1), 15_000)).toBe(true);
    const bySize = new Outbox();
    const payload = new Uint8Array(16 * 1024);
    for (let i = 0; i < 1024; i++) expect(bySize.put(`${i}`, payload, 0)).toBe(true);
    expect(bySize.put('one more', payload, 0)).toBe(false);
    bySize.remove('5');
    expect(bySize.put('one more', payload, 0)).toBe(true);
  });
});

describe('waiting senders', () => {
  const limits = { ttlMs: 60_000, maxPerSender: 2, maxTotal: 3 };

  it('are told once, unless they stopped waiting', () => {
    const waiting = new WaitingSenders(limits);
    expect(waiting.add('absent', 'a', 0)).toBe(true);
    expect(waiting.add('absent', 'b', 30_000)).toBe(true);
    expect(waiting.take('absent', 60_000)).toEqual(['b']);
    expect(waiting.take('absent', 60_000)).toEqual([]);
    expect(waiting.size).toBe(0);
  });

  it('are bounded, each and together; asking again costs nothing', () => {
    const waiting = new WaitingSenders(limits);
    expect(waiting.add('x', 'a', 0)).toBe(true);
    expect(waiting.add('x', 'a', 0)).toBe(true);
    expect(waiting.add('y', 'a', 0)).toBe(true);
    expect(waiting.add('z', 'a', 0)).toBe(false);
    expect(waiting.add('x', 'b', 0)).toBe(true);
    expect(waiting.add('y', 'b', 0)).toBe(false);
    waiting.expire(60_000);
    expect(waiting.size).toBe(0);
    expect(waiting.add('z', 'a', 60_000)).toBe(true);
  });

  it('counts right, whatever happens', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.tuple(fc.constant('add'), name, name),
      fc.tuple(fc.constant('take'), name, name),
      fc.tuple(fc.constant('expire'), name, name),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat({ max: 40_000 }))), (steps) => {
        const waiting = new WaitingSenders(limits);
        let nowMs = 0;
        for (const [[what, recipient, sender], afterMs] of steps) {
          nowMs += afterMs;
          if (what === 'add') waiting.add(recipient, sender, nowMs);
          else if (what === 'take') waiting.take(recipient, nowMs);
          else waiting.expire(nowMs);
          expect(waiting.size).toBeGreaterThanOrEqual(0);
          expect(waiting.size).toBeLessThanOrEqual(limits.maxTotal);
        }
        waiting.expire(nowMs + limits.ttlMs);
        expect(waiting.size).toBe(0);
        expect([waiting.add('x', 'a', nowMs), waiting.add('y', 'a', nowMs)]).toEqual([true, true]);
      }),
    );
  });
});

describe('connection gate', () => {
  const limits = { maxConnectionsPerIp: 2, connectionRate: { perSecond: 100, burst: 100 }, limitsLoopback: false };
  const isIn = (place: Disposable | string) => typeof place !== 'string';

  it('bounds the connections of one address, but not of loopback', () => {
    const gate = new ConnectionGate(limits, seededRandom(4));
    const first = gate.enter('2001:db8::1', 0);
    expect(isIn(first)).toBe(true);
    expect(isIn(gate.enter('2001:db8::2', 0))).toBe(true);
    expect(gate.enter('2001:db8::3', 0)).toBe('ip-connections');
    expect(isIn(gate.enter('2001:db8:0:1::3', 0))).toBe(true);
    if (typeof first !== 'string') first[Symbol.dispose]();
    expect(isIn(gate.enter('2001:db8::3', 0))).toBe(true);
    for (let i = 0; i < 10; i++) expect(isIn(gate.enter('127.0.0.1', 0))).toBe(true);
  });

  it('bounds how many come in a second, and holds loopback to it where it is told to', () => {
    const rate = { perSecond: 10, burst: 5 };
    const gate = new ConnectionGate(
      { maxConnectionsPerIp: 1000, connectionRate: rate, limitsLoopback: true },
      seededRandom(4),
    );
    const enter = (ip: string, times: number, nowMs: number) =>
      Array.from({ length: times }, () => isIn(gate.enter(ip, nowMs))).filter(Boolean).length;
    expect(enter('127.0.0.2', 50, 0)).toBe(5);
    expect(gate.enter('127.0.0.2', 0)).toBe('ip-connection-rate');
    expect(enter('127.0.0.3', 5, 0)).toBe(5);
    expect(enter('127.0.0.2', 50, 500)).toBe(5);
  });

  it('takes any text for an address', () => {
    const gate = new ConnectionGate(limits, seededRandom(4));
    for (const ip of ['fe80::1%br_lan', 'fe80::1%a:b', '%', ':', '']) expect(isIn(gate.enter(ip, 0))).toBe(true);
  });
});

describe('reconnect delays', () => {
  it.each([
    [0, 125, 250],
    [1, 250, 500],
    [3, 1000, 2000],
    [6, 7500, 15_000],
    [1000, 7500, 15_000],
  ])('after %i failures: %i to %i ms', (failures, leastMs, mostMs) => {
    const random = seededRandom(1);
    const delays = Array.from({ length: 200 }, () => reconnectDelayMs(failures, random));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(leastMs);
    expect(Math.max(...delays)).toBeLessThanOrEqual(mostMs);
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan((mostMs - leastMs) / 2);
  });

  it('of a replaced node are at least 30 s, and grow', () => {
    const random = seededRandom(2);
    expect(replacedDelayMs(0, random)).toBeGreaterThanOrEqual(30_000);
    expect(replacedDelayMs(0, random)).toBeLessThanOrEqual(60_000);
    expect(replacedDelayMs(9, random)).toBeGreaterThanOrEqual(600_000);
  });
});

describe('undelivered', () => {
  it('counts when every server that is up has denied the recipient', () => {
    const undelivered = new Undelivered();
    expect(undelivered.denied('x', 'ws://1', ['ws://1'])).toBe(true);
    expect(undelivered.denied('x', 'ws://1', ['ws://1', 'ws://2'])).toBe(false);
    expect(undelivered.denied('x', 'ws://2', ['ws://1', 'ws://2'])).toBe(true);
    expect(undelivered.denied('x', 'ws://1', ['ws://1', 'ws://2'])).toBe(false);
    undelivered.published('x');
    expect(undelivered.denied('x', 'ws://2', ['ws://1', 'ws://2'])).toBe(false);
  });
});
