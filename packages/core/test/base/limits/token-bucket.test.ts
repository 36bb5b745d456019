import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../../src/base/limits/token-bucket.js';

describe('TokenBucket', () => {
  it('lets no more through than the burst and the rate', () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 500 }), fc.integer({ min: 1, max: 30 })), { maxLength: 100 });
    fc.assert(
      fc.property(steps, (takes) => {
        const bucket = new TokenBucket(100, 50);
        let nowMs = 0;
        let taken = 0;
        for (const [afterMs, count] of takes) {
          nowMs += afterMs;
          if (bucket.take(nowMs, count)) taken += count;
          expect(taken).toBeLessThanOrEqual(50 + nowMs / 10 + 1e-6);
        }
      }),
    );
  });

  it('says how long to wait, and keeps its word', () => {
    const bucket = new TokenBucket(100, 50);
    expect(bucket.take(0, 50)).toBe(true);
    expect(bucket.waitMs(0, 5)).toBe(50);
    expect(bucket.take(49, 5)).toBe(false);
    expect(bucket.take(50, 5)).toBe(true);
    expect(bucket.waitMs(50, 51)).toBe(Infinity);
  });

  it('takes one where no count is given', () => {
    const bucket = new TokenBucket(10, 2);
    expect([0, 0, 0, 99, 100].map((nowMs) => bucket.take(nowMs))).toEqual([true, true, false, false, true]);
    expect(bucket.waitMs(120)).toBe(80);
  });

  it('gives nothing for a clock that goes backwards', () => {
    const bucket = new TokenBucket(1000, 1);
    expect(bucket.take(100)).toBe(true);
    expect(bucket.take(0)).toBe(false);
  });
});
