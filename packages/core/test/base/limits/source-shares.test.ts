import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedShares, sourceGroup, SourceShares, type RandomSource } from '../../../src/plugin.js';

/** Another secret for every table that is made of it. */
function seeded(seed: number): RandomSource {
  let state = seed;
  return {
    bytes: (length) => Uint8Array.from({ length }, () => (state = (state * 16_807 + 11) % 2_147_483_647) & 255),
  };
}

const share = { perSecond: 10, burst: 30 };

describe('the group of a source', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', undefined],
    ['::ffff:192.0.2.1', '192.0.2.1', undefined],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001:db8::9', '2001:db8:0:0::/64', '2001:db8:0::/48'],
    ['2001:db8::2:3:4:5:6', '2001:db8:0:2::/64', '2001:db8:0::/48'],
    ['::1', '0:0:0:0::/64', '0:0:0::/48'],
    ['::', '0:0:0:0::/64', '0:0:0::/48'],
    ['::2:3:4:5:6:7', '0:0:2:3::/64', '0:0:2::/48'],
    ['2001:db8::', '2001:db8:0:0::/64', '2001:db8:0::/48'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64', '64:ff9b:0::/48'],
    ['2001:db8:1:2::9%br_lan', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['fe80::1:2%eth0', 'fe80::1:2', 'fe80::/64'],
    ['fe80::1:3%br_lan', 'fe80::1:3', 'fe80::/64'],
  ])('%s: %s of %s', (ip, key, site) => {
    expect(sourceGroup(ip)).toEqual({ key, site });
  });

  it('is told of any text, and of two addresses of one /64 it is the same', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(typeof sourceGroup(text).key).toBe('string');
      }),
    );
    const group = fc.integer({ min: 1, max: 0xffff }).map((value) => value.toString(16));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), group, (groups, other) => {
        const twin = [...groups.slice(0, 7), other];
        fc.pre(!groups[0]!.startsWith('fe'));
        expect(sourceGroup(groups.join(':'))).toEqual(sourceGroup(twin.join(':')));
      }),
    );
  });
});

describe('a share for each key, in a table of fixed size', () => {
  it('is a burst, then so much a second, and whole again after silence', () => {
    const shares = new KeyedShares(share, seeded(1));
    const granted = (nowMs: number) =>
      Array.from({ length: 100 }, () => shares.take('a', 1, nowMs)).filter(Boolean).length;
    expect([0, 100, 200, 1200, 60_000].map(granted)).toEqual([30, 1, 1, 10, 30]);
  });

  it('is never exceeded, whatever is asked for and when', () => {
    const asks = fc.array(fc.tuple(fc.nat(3000), fc.integer({ min: 1, max: 40 })), { maxLength: 60 });
    fc.assert(
      fc.property(asks, (steps) => {
        const shares = new KeyedShares(share, seeded(7));
        const taken: { atMs: number; amount: number }[] = [];
        let nowMs = 5;
        for (const [waitMs, amount] of steps) {
          nowMs += waitMs;
          const has = shares.has('a', amount, nowMs);
          const got = shares.take('a', amount, nowMs);
          expect(got).toBe(has);
          if (got) taken.push({ atMs: nowMs, amount });
        }
        // In every window: the burst, and the rate for as long as it is.
        for (const [i, { atMs }] of taken.entries()) {
          const sum = taken.slice(i).reduce((all, { amount, atMs: endMs }) => {
            const total = all + amount;
            expect(total).toBeLessThanOrEqual(share.burst + ((endMs - atMs) * share.perSecond) / 1000 + 1e-6);
            return total;
          }, 0);
          expect(sum).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('is whole for who is new, under a flood of sources that are each seen once', () => {
    const shares = new SourceShares({ perSecond: 200, burst: 1000 }, seeded(3));
    let refused = 0;
    // 50,000 a second for ten seconds, and beside it a new client every second.
    for (let nowMs = 0; nowMs < 10_000; nowMs++) {
      for (let i = 0; i < 50; i++) {
        const n = (nowMs * 50 + i) * 2_654_435_761;
        if (!shares.take(`${n & 127}.${(n >>> 7) & 255}.${(n >>> 15) & 255}.${(n >>> 23) & 255}`, 1, nowMs)) refused++;
      }
      if (nowMs % 1000 === 0) expect(shares.take(`198.51.100.${nowMs / 1000}`, 1, nowMs)).toBe(true);
    }
    expect(refused).toBe(0);
  });

  it('does not say under which secret two keys meet', () => {
    const meet = (seed: number) => {
      const shares = new KeyedShares({ perSecond: 1, burst: 1 }, seeded(seed), 64);
      return Array.from({ length: 200 }, (_, i) => shares.take(`k${i}`, 1, 0)).join();
    };
    expect(meet(1)).toBe(meet(1));
    expect(new Set([1, 2, 3, 4].map(meet)).size).toBe(4);
  });

  it('spreads keys that look alike evenly', () => {
    const shares = new KeyedShares({ perSecond: 1, burst: 1 }, seeded(9), 4096);
    const fresh = Array.from({ length: 4096 }, (_, i) => shares.take(`10.0.${i >> 8}.${i & 255}`, 1, 0)).filter(
      Boolean,
    );
    // Balls into as many bins: 1 - 1/e of the bins are hit.
    expect(fresh.length / 4096).toBeGreaterThan(0.6);
    expect(fresh.length / 4096).toBeLessThan(0.67);
  });

  it('has a power of two of buckets', () => {
    expect(() => new KeyedShares(share, seeded(1), 1000)).toThrow(RangeError);
  });
});

describe('the share of a source', () => {
  it('is one for an IPv6 /64, and sixteen for a /48', () => {
    const shares = new SourceShares({ perSecond: 1, burst: 4 }, seeded(5));
    const granted = (ips: readonly string[]) => ips.filter((ip) => shares.take(ip, 1, 0)).length;
    expect(granted(Array.from({ length: 50 }, (_, i) => `2001:db8:1:2:${i.toString(16)}::1`))).toBe(4);
    expect(granted(Array.from({ length: 500 }, (_, i) => `2001:db8:1:${(i + 3).toString(16)}::1`))).toBe(16 * 4 - 4);
    expect(granted(['2001:db8:2:1::1', '192.0.2.1'])).toBe(2);
  });

  it('of a /64 that has none left costs its /48 nothing', () => {
    const shares = new SourceShares({ perSecond: 1, burst: 4 }, seeded(5));
    for (let i = 0; i < 1000; i++) shares.take('2001:db8:1:2::1', 1, 0);
    expect(shares.take('2001:db8:1:3::1', 1, 0)).toBe(true);
  });

  it('tells hosts on one link apart, and bounds the link', () => {
    const shares = new SourceShares({ perSecond: 1, burst: 1 }, seeded(5));
    const granted = Array.from({ length: 100 }, (_, i) => shares.take(`fe80::${i + 1}%br_lan`, 1, 0)).filter(Boolean);
    expect(granted).toHaveLength(16);
  });
});
