import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeAead, sodiumAead, type Aead } from '../../src/protocol/aead.js';
import { dh, dhKeyPair } from '../../src/protocol/crypto.js';
import { aeadSelfTest, chooseAead, defaultAead, handshakeSelfTest } from '../../src/protocol/crypto-self-test.js';
import { clampPrivateKey, formatKey, generatePrivateKey, parseKey, publicKeyOf } from '../../src/protocol/keys.js';
import { isAfter, Tai64nClock } from '../../src/protocol/tai64n.js';
import { TimerQueue } from '../../src/protocol/timer-queue.js';

const withoutSodium = whyNoSodium();
if (withoutSodium !== undefined) console.log(`tests of sodium-native are skipped: ${withoutSodium}`);

function whyNoSodium(): string | undefined {
  try {
    sodiumAead();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

describe('crypto self test', () => {
  it('node:crypto gives the known answers', () => {
    expect(aeadSelfTest(nodeAead())).toBeUndefined();
  });

  it.skipIf(withoutSodium !== undefined)('sodium-native gives the known answers', () => {
    expect(aeadSelfTest(sodiumAead())).toBeUndefined();
  });

  it('the handshake primitives give the known answers', () => {
    expect(handshakeSelfTest()).toBeUndefined();
  });

  it('falls back when a candidate does not load or answers wrongly', () => {
    const missing = (): Aead => {
      throw new Error('no native build was found');
    };
    const wrong = (): Aead => {
      const good = nodeAead();
      return { ...good, name: 'wrong', xSeal: (...args) => good.xSeal(...args).fill(0) };
    };
    expect(chooseAead([missing, wrong, nodeAead]).name).toBe('node:crypto');
    expect(() => chooseAead([missing, wrong])).toThrow(/no native build was found; wrong: XChaCha20-Poly1305 seal/);
    expect(['sodium-native', 'node:crypto']).toContain(defaultAead().name);
  });

  it.skipIf(withoutSodium !== undefined)('both implementations open what the other sealed', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(
        bytes(32),
        uint32,
        uint32,
        fc.uint8Array({ maxLength: 100 }),
        bytes(24),
        (key, high, low, text, nonce) => {
          for (const [one, other] of [
            [sodiumAead(), nodeAead()],
            [nodeAead(), sodiumAead()],
          ] as const) {
            const buffer = new Uint8Array(text.length + 16);
            buffer.set(text);
            one.key(key).seal(high, low, buffer, 0, text.length);
            expect(other.key(key).open(high, low ^ 1, Uint8Array.from(buffer), 0, buffer.length)).toBe(false);
            expect(other.key(key).open(high, low, buffer, 0, buffer.length)).toBe(true);
            expect(buffer.subarray(0, text.length)).toEqual(text);
            expect(Buffer.from(other.xOpen(key, nonce, one.xSeal(key, nonce, text, key), key)!)).toEqual(
              Buffer.from(text),
            );
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('a public key of low order yields no secret', () => {
    const { privateKey } = dhKeyPair(generatePrivateKey());
    const one = new Uint8Array(32).fill(1, 0, 1);
    expect(dh(privateKey, new Uint8Array(32))).toBeUndefined();
    expect(dh(privateKey, one)).toBeUndefined();
  });
});

describe('keys', () => {
  it('are what wg genkey and wg pubkey make', () => {
    // Made with wg genkey | tee /dev/stderr | wg pubkey.
    const privateKey = parseKey('YKSHigv1PqDV4NSaQEPhgP9UYvWuUlWm7dVfHP4JZlM=')!;
    expect(clampPrivateKey(privateKey)).toEqual(privateKey);
    expect(formatKey(publicKeyOf(privateKey))).toBe('hZWR3oHOVve34P7tPu/V+fdXtaUrU9j3RvxAq3NmIFA=');
  });

  it('generated ones are clamped and read back', () => {
    for (let i = 0; i < 100; i++) {
      const key = generatePrivateKey();
      expect(clampPrivateKey(key)).toEqual(key);
      expect(parseKey(formatKey(key))).toEqual(key);
    }
  });

  it.each([
    ['', 'empty'],
    ['GHuMwljFfqd2a7cs6BaUOmHflK23zME8VNvC5B37S3k', 'without padding'],
    ['YKSHigv1PqDV4NSaQEPhgP9UYvWuUlWm7dVfHP4JZlM=\n', 'with a line end'],
    ['GHuMwljFfqd2a7cs6BaUOmHflK23zME8VNvC5B37S3l=', 'with stray bits at the end'],
    ['GHuMwljFfqd2a7cs6BaUOmHflK23zME8VNvC5B37S3==', 'of 31 bytes'],
    ['GHuMwljFfqd2a7cs6BaUOmHflK23zME8VNvC5B37S3kA', 'of 33 bytes'],
    ['GHuMwljFfqd2a7cs6BaUOmHflK23zME8VNvC5B37-_k=', 'in the URL alphabet'],
    ['GHuMwljFfqd2a7cs6BaUOmHflK23zME8 NvC5B37S3k=', 'with a space'],
  ])('%j is refused: %s', (text) => {
    expect(parseKey(text)).toBeUndefined();
  });

  it('never throws on any text', () => {
    fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => parseKey(text) === undefined));
  });
});

describe('TAI64N', () => {
  it('is the label of the moment', () => {
    const label = Buffer.from(new Tai64nClock().stamp(1_000_000_000_123)).toString('hex');
    expect(label).toBe('400000003b9aca0a' + (123_000_000).toString(16).padStart(8, '0'));
  });

  it('grows strictly, whatever the wall clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2e12 }), { minLength: 2, maxLength: 50 }), (times) => {
        const clock = new Tai64nClock();
        const stamps = times.map((time) => clock.stamp(time));
        for (let i = 1; i < stamps.length; i++) expect(isAfter(stamps[i]!, stamps[i - 1]!)).toBe(true);
      }),
    );
  });
});

describe('timer queue', () => {
  it('fires what a list of deadlines would, in order', () => {
    const step = fc.record({
      timer: fc.integer({ min: 0, max: 9 }),
      act: fc.constantFrom('set', 'set', 'set', 'cancel', 'remove', 'run'),
      value: fc.integer({ min: 0, max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const queue = new TimerQueue();
        const fired: number[] = [];
        const timers = Array.from({ length: 10 }, (_, i) => queue.create(() => fired.push(i)));
        const expected = new Map<number, number>();
        let now = 0;
        for (const { timer, act, value } of steps) {
          if (act === 'set') {
            queue.set(timers[timer]!, now + value);
            expected.set(timer, now + value);
          } else if (act === 'run') {
            now += value;
            const due = [...expected].filter(([, at]) => at <= now).sort(([, x], [, y]) => x - y);
            fired.length = 0;
            queue.run(now);
            expect([...fired].sort()).toEqual(due.map(([i]) => i).sort());
            expect(fired.map((i) => expected.get(i))).toEqual(due.map(([, at]) => at));
            for (const [i] of due) expected.delete(i);
          } else {
            queue[act](timers[timer]!);
            expected.delete(timer);
          }
          const next = Math.min(...expected.values());
          expect(queue.next()).toBe(next === Infinity ? undefined : next);
        }
      }),
      { numRuns: 500 },
    );
  });
});
