import { describe, expect, it } from 'vitest';
import { WaitingSenders } from '../src/protocol/waiting-senders.js';
import { Bench, messages } from './switchboard-bench.js';
import { testIdentity } from './support.js';

const FAST = { messagesPerSecond: 1e6, messageBurst: 1e6, bytesPerSecond: 1e9, byteBurst: 1e9 };

describe('registrations', () => {
  it('five addresses that took every place keep nobody else out', () => {
    const bench = new Bench({ maxClients: 100 });
    for (let i = 0; i < 100; i++) bench.register(undefined, `203.0.113.${1 + (i % 5)}`);
    const honest = Array.from({ length: 10 }, (_, i) => bench.register(undefined, `198.51.100.${i}`));
    for (const { effects } of honest) expect(effects.flatMap(messages)).toMatchObject([{ type: 'registered' }]);
    for (let i = 0; i < 300; i++) bench.register(undefined, `203.0.113.${1 + (i % 5)}`);
    expect(bench.switchboard.status()).toMatchObject({ clients: 100, closed: { 'group-share': 10, full: 300 } });
    const [a, b] = honest;
    expect(bench.publish(a!, b!).flatMap(messages)).toMatchObject([{ type: 'message', at: b!.connection }]);
  });

  it('who registers and goes takes no place', () => {
    const bench = new Bench({ maxClients: 3 });
    for (let i = 0; i < 50; i++)
      bench.switchboard.closed(bench.register(undefined, '203.0.113.1').connection, bench.nowMs);
    expect(bench.switchboard.status()).toMatchObject({ clients: 0, queuedBytes: 0 });
    // Without a word: until the ping is not answered.
    for (let i = 0; i < 3; i++) bench.register(undefined, '203.0.113.1');
    for (bench.nowMs = 0; bench.nowMs <= 22_000; bench.nowMs += 1000) bench.switchboard.tick(bench.nowMs);
    expect(bench.switchboard.status()).toMatchObject({ clients: 0, closed: { silent: 3 } });
    expect(bench.switchboard.isEmpty).toBe(true);
  });

  it('a flood of connections pushes out itself, not those of others', () => {
    const bench = new Bench({ maxUnproven: 50 });
    const honest = bench.open('198.51.100.1');
    const closed = Array.from({ length: 1000 }, (_, i) => bench.open(`2001:db8:0:${i.toString(16)}::1`).effects)
      .flat()
      .filter((effect) => effect.kind === 'close');
    expect(closed).toHaveLength(951);
    expect(closed.every((effect) => 'connection' in effect && effect.connection !== honest.connection)).toBe(true);
  });

  it('the same key again and again costs nobody else a place', () => {
    const bench = new Bench({ maxClients: 3 });
    const [a, b] = [bench.register(undefined, '198.51.100.1'), bench.register(undefined, '198.51.100.2')];
    const identity = testIdentity(bench.random);
    for (let i = 0; i < 100; i++) bench.register(identity, `203.0.113.${i}`);
    expect(bench.switchboard.status()).toMatchObject({ clients: 3, unproven: 0, closed: { replaced: 99 } });
    expect(bench.publish(a, b).flatMap(messages)).toMatchObject([{ type: 'message' }]);
  });
});

describe('the memory for messages', () => {
  it('is taken from those who read nothing, and their senders are told', () => {
    const bench = new Bench({ maxQueuedBytesTotal: 2_000_000, rate: FAST });
    const attacker = bench.register(undefined, '203.0.113.1');
    const stuck = Array.from({ length: 20 }, () => bench.register(undefined, '203.0.113.2'));
    const [a, b] = [bench.register(undefined, '198.51.100.1'), bench.register(undefined, '198.51.100.2')];
    const large = new Uint8Array(16_000);
    let arrived = 0;
    for (let round = 0; round < 300; round++) {
      bench.nowMs += 100;
      for (const reader of stuck) {
        const effects = bench.publish(attacker, reader, large);
        // Of these the attacker alone reads what it is told.
        bench.flush(effects.filter((effect) => 'connection' in effect && effect.connection === attacker.connection));
      }
      const effects = bench.publish(a, b);
      arrived += effects.flatMap(messages).filter(({ at }) => at === b.connection).length;
      bench.flush(effects);
      expect(bench.switchboard.status().queuedBytes).toBeLessThanOrEqual(2_000_000);
    }
    expect(arrived).toBe(300);
    const { closed, clients } = bench.switchboard.status();
    expect(closed['largest-queue']).toBeGreaterThan(0);
    expect(clients).toBeGreaterThanOrEqual(3);
  });

  it('the largest is told why, and its senders that it is not there', () => {
    const bench = new Bench({ maxQueuedBytesTotal: 300_000, rate: FAST });
    const [a, stuck, other] = [bench.register(), bench.register(), bench.register()];
    const effects = Array.from({ length: 30 }, () => bench.publish(a, stuck, new Uint8Array(16_000))).flat();
    expect(effects).toContainEqual({ kind: 'close', connection: stuck.connection, reason: 'slowReader' });
    expect(effects.flatMap(messages)).toContainEqual({
      type: 'undeliverable',
      to: stuck.publicKey,
      at: a.connection,
    });
    // They who were told are told of the return too.
    const back = bench.register(stuck.identity);
    expect(back.effects.flatMap(messages)).toContainEqual({
      type: 'available',
      publicKey: stuck.publicKey,
      at: a.connection,
    });
    expect(bench.publish(a, other).flatMap(messages)).toMatchObject([{ type: 'message', at: other.connection }]);
  });

  it('does not go to a sender whose answers nobody reads: registrations of others are answered', () => {
    const bench = new Bench({ maxQueuedBytesTotal: 20_000, rate: FAST });
    const deaf = Array.from({ length: 10 }, () => bench.register(undefined, '203.0.113.1'));
    const absent = testIdentity(bench.random);
    for (let i = 0; i < 100; i++) for (const each of deaf) bench.publish(each, absent);
    for (let i = 0; i < 20; i++) {
      const { effects } = bench.register(undefined, `198.51.100.${i}`);
      expect(effects.flatMap(messages)).toContainEqual(expect.objectContaining({ type: 'registered' }));
    }
  });

  it('of one slow recipient is shared by its senders: a flood does not keep others from it', () => {
    const bench = new Bench({ maxQueuedBytes: 200_000, rate: FAST });
    const [flood, honest] = [bench.register(undefined, '203.0.113.1'), bench.register(undefined, '198.51.100.1')];
    const slow = bench.register(undefined, '192.0.2.1');
    const given = Array.from({ length: 100 }, () => bench.publish(flood, slow, new Uint8Array(16_000))).flat();
    given.push(...bench.publish(honest, slow, Buffer.from('call me')));
    const effects = given.filter((effect) => effect.kind === 'send' && effect.connection === slow.connection);
    let read = 0;
    let arrivedAfter: number | undefined;
    for (const effect of effects) {
      if (effect.kind !== 'send') continue;
      read += effect.bytes.length;
      if (messages(effect).some((message) => message.type === 'message' && message.from === honest.publicKey))
        arrivedAfter ??= read;
      effects.push(...bench.switchboard.sent(slow.connection, effect.bytes.length, bench.nowMs));
    }
    expect(arrivedAfter).toBeLessThan(80_000);
    expect(bench.switchboard.status().queuedBytes).toBeLessThan(100_000);
  });

  it('pings that are not read from are answered once', () => {
    const bench = new Bench();
    const a = bench.register();
    const effects = Array.from({ length: 1000 }, (_, i) =>
      bench.switchboard.pinged(a.connection, Buffer.of(i & 255), bench.nowMs),
    ).flat();
    expect(effects).toEqual([{ kind: 'pong', connection: a.connection, bytes: Buffer.of(0) }]);
    expect(bench.switchboard.ponged(a.connection)).toEqual([
      { kind: 'pong', connection: a.connection, bytes: Buffer.of(999 & 255) },
    ]);
    expect(bench.switchboard.ponged(a.connection)).toEqual([]);
  });
});

describe('waiting senders', () => {
  it('of one block that fills the list make room for others', () => {
    const waiting = new WaitingSenders({ ttlMs: 60_000, maxPerSender: 100, maxTotal: 1000 });
    for (let i = 0; i < 1000; i++) waiting.add(`absent ${i}`, `flood ${i % 50}`, 0, ['a']);
    for (let i = 0; i < 50; i++) waiting.add('absent', `honest ${i}`, 0, ['b']);
    for (let i = 0; i < 1000; i++) waiting.add(`other ${i}`, `flood ${i % 50}`, 0, ['a']);
    expect(waiting.size).toBe(1000);
    expect(waiting.take('absent', 1)).toHaveLength(50);
  });
});

describe('admitted keys', () => {
  it('no other registers, and those that are in and are no longer admitted go', () => {
    const bench = new Bench();
    const [a, b] = [bench.register(), bench.register()];
    expect(bench.switchboard.admitOnly(new Set([a.publicKey]), 0)).toEqual([
      { kind: 'close', connection: b.connection, reason: 'notAdmitted' },
    ]);
    expect(bench.register(b.identity).effects).toMatchObject([
      { kind: 'close', reason: 'notAdmitted' },
      { kind: 'not-admitted', publicKey: b.publicKey },
    ]);
    expect(bench.register(a.identity).effects.flatMap(messages)).toMatchObject([{ type: 'registered' }]);
    bench.switchboard.admitOnly(undefined, 0);
    expect(bench.register(b.identity).effects.flatMap(messages)).toMatchObject([{ type: 'registered' }]);
    expect(bench.switchboard.status()).toMatchObject({ closed: { notAdmitted: 2 } });
  });
});
