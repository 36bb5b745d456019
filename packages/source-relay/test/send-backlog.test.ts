import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SendBacklog } from '../src/server/send-backlog.js';

describe('what waits while the kernel takes nothing', () => {
  it('is shared: one destination fills its part, and others go on', () => {
    const backlog = new SendBacklog({ maxBytes: 100_000, maxBytesEach: 10_000 });
    const fill = (destination: string) =>
      Array.from({ length: 100 }, () => backlog.add(destination, 1000)).filter(Boolean);
    const greedy = fill('a');
    expect(greedy).toHaveLength(7);
    expect(fill('b')).toHaveLength(7);
    greedy[0]?.();
    expect(fill('a')).toHaveLength(1);
  });

  it('is bounded for all together, and empty when all is sent', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20), fc.nat(1500), fc.boolean()), { maxLength: 200 }), (steps) => {
        const backlog = new SendBacklog({ maxBytes: 20_000, maxBytesEach: 5000 });
        const waiting: { done: () => void; size: number }[] = [];
        for (const [destination, size, sends] of steps) {
          const done = backlog.add(String(destination), size);
          if (done !== undefined) waiting.push({ done, size });
          expect(waiting.reduce((sum, one) => sum + one.size, 0)).toBeLessThanOrEqual(20_000);
          if (sends) waiting.shift()?.done();
        }
        for (const { done } of waiting) done();
        expect(backlog.isEmpty).toBe(true);
        expect(backlog.add('any', 1000)).toBeDefined();
      }),
    );
  });
});
