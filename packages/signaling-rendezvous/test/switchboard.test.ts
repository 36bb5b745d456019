import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../src/protocol/message.js';
import { publicKeyBytes } from '../src/protocol/public-key.js';
import { CLOSE_CODES, MAX_SEALED_BYTES } from '../src/protocol/rendezvous-v1.js';
import { DEFAULT_SERVER_LIMITS } from '../src/protocol/server-limits.js';
import type { SwitchboardEffect } from '../src/protocol/switchboard.js';
import { Bench, messages } from './switchboard-bench.js';
import { testIdentity } from './support.js';

describe('switchboard', () => {
  it('forwards with the name of the sender', () => {
    const bench = new Bench();
    const [a, b] = [bench.register(), bench.register()];
    expect(bench.publish(a, b, Buffer.from('hello')).flatMap(messages)).toEqual([
      { type: 'message', from: a.publicKey, sealed: new Uint8Array(Buffer.from('hello')), at: b.connection },
    ]);
  });

  it('says what is undeliverable, and to those who asked, once, who has come', () => {
    const bench = new Bench();
    const late = testIdentity(bench.random);
    const [a, b] = [bench.register(), bench.register()];
    for (const sender of [a, b, a]) {
      expect(bench.publish(sender, late).flatMap(messages)).toEqual([
        { type: 'undeliverable', to: late.publicKey, at: sender.connection },
      ]);
    }
    const available = ({ effects }: { effects: SwitchboardEffect[] }) =>
      effects.flatMap(messages).filter(({ type }) => type === 'available');
    expect(available(bench.register(late))).toEqual([
      { type: 'available', publicKey: late.publicKey, at: a.connection },
      { type: 'available', publicKey: late.publicKey, at: b.connection },
    ]);
    expect(available(bench.register(late))).toEqual([]);
  });

  it('replaces: the newer registration gets everything from then on', () => {
    const bench = new Bench();
    const sender = bench.register();
    const old = bench.register();
    const next = bench.register(old.identity);
    expect(next.effects[0]).toEqual({ kind: 'close', connection: old.connection, reason: 'replaced' });
    expect(bench.publish(sender, old).flatMap(messages)).toMatchObject([{ type: 'message', at: next.connection }]);
    // The old socket's last words and its end do not touch the new registration.
    expect(bench.publish(old, sender)).toEqual([]);
    bench.switchboard.closed(old.connection, 0);
    bench.switchboard.sent(old.connection, 1000, 0);
    expect(bench.publish(sender, old).flatMap(messages)).toMatchObject([{ type: 'message', at: next.connection }]);
    expect(bench.switchboard.status()).toMatchObject({ clients: 2, closed: { replaced: 1 } });
  });

  it('who has left is gone', () => {
    const bench = new Bench();
    const [a, b] = [bench.register(), bench.register()];
    bench.switchboard.closed(b.connection, 0);
    expect(bench.publish(a, b).flatMap(messages)).toMatchObject([{ type: 'undeliverable', at: a.connection }]);
    expect(bench.switchboard.status()).toMatchObject({ clients: 1 });
  });

  describe('bounds', () => {
    it('drops what is past the rate, counts it, and in the end hangs up', () => {
      const rate = { messagesPerSecond: 10, messageBurst: 20, bytesPerSecond: 100_000, byteBurst: 100_000 };
      const bench = new Bench({ rate, maxExcessFrames: 50 });
      const [a, b] = [bench.register(), bench.register()];
      const send = (count: number) => Array.from({ length: count }, () => bench.publish(a, b)).flat();
      // The registration was one of the twenty.
      expect(send(40).flatMap(messages)).toHaveLength(19);
      expect(bench.switchboard.status().dropped).toEqual({ rate: 21 });
      bench.nowMs += 1000;
      expect(send(10).flatMap(messages)).toHaveLength(10);
      expect(send(30)).toEqual([{ kind: 'close', connection: a.connection, reason: 'tooFast' }]);
      expect(bench.switchboard.status()).toMatchObject({ clients: 1, closed: { tooFast: 1 } });
    });

    it('limits bytes as well as messages', () => {
      const rate = { messagesPerSecond: 1000, messageBurst: 1000, bytesPerSecond: 1000, byteBurst: 40_000 };
      const bench = new Bench({ rate });
      const [a, b] = [bench.register(), bench.register()];
      const payload = new Uint8Array(MAX_SEALED_BYTES);
      const sent = Array.from({ length: 5 }, () => bench.publish(a, b, payload)).flat();
      expect(sent).toHaveLength(2);
      expect(bench.switchboard.status().dropped).toEqual({ rate: 3 });
    });

    it('charges pings too', () => {
      const rate = { messagesPerSecond: 10, messageBurst: 20, bytesPerSecond: 100_000, byteBurst: 100_000 };
      const bench = new Bench({ rate, maxExcessFrames: 50 });
      const a = bench.register();
      const effects = Array.from({ length: 100 }, () => bench.switchboard.heard(a.connection, 0)).flat();
      expect(effects).toEqual([{ kind: 'close', connection: a.connection, reason: 'tooFast' }]);
    });

    it('holds no more for a slow reader than its share; one that stays slow is cut off', () => {
      const bench = new Bench({ maxQueuedBytes: 1000, slowReaderMs: 10_000 });
      const [a, slow] = [bench.register(), bench.register()];
      const held = Array.from({ length: 100 }, () => bench.publish(a, slow, new Uint8Array(67))).flat();
      bench.flush(held.filter((effect) => 'connection' in effect && effect.connection === a.connection));
      const forSlow = held.filter((effect) => effect.kind === 'send' && effect.connection === slow.connection);
      expect(forSlow).toHaveLength(10);
      expect(bench.switchboard.status().dropped).toMatchObject({ 'recipient-queue-full': expect.any(Number) });
      bench.nowMs += 9000;
      expect(bench.switchboard.tick(bench.nowMs)).toEqual([]);
      bench.nowMs += 1000;
      expect(bench.switchboard.tick(bench.nowMs)).toContainEqual({
        kind: 'close',
        connection: slow.connection,
        reason: 'slowReader',
      });
      expect(bench.switchboard.status()).toMatchObject({ clients: 1, closed: { 'slow-reader': 1 } });
    });

    it('forgives a slow reader that catches up', () => {
      const bench = new Bench({ maxQueuedBytes: 1000, slowReaderMs: 10_000 });
      const [a, slow] = [bench.register(), bench.register()];
      const held = Array.from({ length: 20 }, () => bench.publish(a, slow, new Uint8Array(67))).flat();
      bench.flush(held);
      bench.nowMs += 11_000;
      expect(bench.switchboard.tick(bench.nowMs)).toEqual([]);
      expect(bench.publish(a, slow).flatMap(messages)).toMatchObject([{ type: 'message' }]);
    });

    it('holds no more for all together than the server’s share', () => {
      const bench = new Bench({ maxQueuedBytesTotal: 3000 });
      const [a, b] = [bench.register(), bench.register()];
      for (let i = 0; i < 100; i++) bench.publish(a, b, new Uint8Array(67));
      expect(bench.switchboard.status().queuedBytes).toBeLessThanOrEqual(3000);
      expect(bench.switchboard.status().dropped).toMatchObject({ 'server-queue-full': expect.any(Number) });
    });

    it('takes so many clients; a known key still replaces itself', () => {
      const bench = new Bench({ maxClients: 2 });
      const [a] = [bench.register(), bench.register()];
      expect(bench.register().effects).toMatchObject([{ kind: 'close', reason: 'full' }]);
      expect(bench.register(a.identity).effects.flatMap(messages)).toMatchObject([{ type: 'registered' }]);
      bench.switchboard.setMaxClients(3);
      expect(bench.register().effects.flatMap(messages)).toMatchObject([{ type: 'registered' }]);
    });

    it('keeps the newest of those who have not registered, and none for long', () => {
      const bench = new Bench({ maxUnproven: 3 });
      const opened = Array.from({ length: 3 }, () => bench.open());
      expect(bench.open().effects[0]).toEqual({ kind: 'close', connection: opened[0]!.connection, reason: 'full' });
      expect(bench.switchboard.status()).toMatchObject({ unproven: 3, closed: { evicted: 1 } });
      bench.nowMs += 5000;
      expect(bench.switchboard.tick(bench.nowMs)).toHaveLength(3);
      expect(bench.switchboard.status()).toMatchObject({ unproven: 0, closed: { evicted: 1, tooLate: 3 } });
      expect(bench.switchboard.isEmpty).toBe(true);
    });
  });

  it('pings who is silent for 12 s, and gives them 10 s', () => {
    const bench = new Bench();
    const a = bench.register();
    const at = (nowMs: number) => bench.switchboard.tick(nowMs);
    expect(at(11_999)).toEqual([]);
    expect(at(12_000)).toEqual([{ kind: 'ping', connection: a.connection }]);
    expect(at(21_999)).toEqual([]);
    bench.switchboard.heard(a.connection, 21_999);
    expect(at(33_998)).toEqual([]);
    expect(at(33_999)).toEqual([{ kind: 'ping', connection: a.connection }]);
    expect(at(43_999)).toEqual([{ kind: 'terminate', connection: a.connection }]);
  });

  it('survives any frames: who has not registered sends nothing to anybody, and others are never disturbed', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('welcome', 'register', 'registered', 'publish', 'message', 'undeliverable', 'available'),
    );
    const bench = new Bench();
    const victim = bench.register();
    const key = victim.publicKey;
    const crafted = {
      welcome: encodeFrame({
        type: 'welcome',
        serverKey: publicKeyBytes(key)!,
        challenge: new Uint8Array(32),
        limits: DEFAULT_SERVER_LIMITS.rate,
      }),
      // Somebody else's, heard on the wire.
      register: victim.registerFrame,
      registered: encodeFrame({ type: 'registered', proof: new Uint8Array(32) }),
      publish: encodeFrame({ type: 'publish', to: key, sealed: Buffer.of(1) }),
      message: encodeFrame({ type: 'message', from: key, sealed: Buffer.of(1) }),
      undeliverable: encodeFrame({ type: 'undeliverable', to: key }),
      available: encodeFrame({ type: 'available', publicKey: key }),
    };
    const identity = testIdentity(bench.random);
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 20 }), fc.boolean(), (frames, registered) => {
        const attacker = registered ? bench.register(identity) : bench.open();
        for (const frame of frames) {
          const bytes = typeof frame === 'string' ? crafted[frame] : frame;
          const effects = bench.switchboard.receive(attacker.connection, bytes, 0);
          bench.flush(effects);
          const toVictim = effects.filter(
            (effect) => 'connection' in effect && effect.connection === victim.connection,
          );
          if (!registered) expect(toVictim).toEqual([]);
          for (const message of toVictim.flatMap(messages)) {
            expect(message).toMatchObject({ type: 'message', from: identity.publicKey });
          }
        }
        expect(bench.switchboard.status().clients).toBe(registered ? 2 : 1);
        bench.switchboard.closed(attacker.connection, 0);
      }),
      { numRuns: 500 },
    );
    const { forwarded, dropped, closed } = bench.switchboard.status();
    expect(forwarded).toBeGreaterThan(50);
    expect(dropped['malformed']).toBeGreaterThan(50);
    expect(closed['badProof']).toBeGreaterThan(5);
  });
});

describe('close codes', () => {
  it('are private and unique (RFC 6455 7.4.2)', () => {
    const codes = Object.values(CLOSE_CODES);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code >= 4000 && code <= 4999).toBe(true);
  });
});
