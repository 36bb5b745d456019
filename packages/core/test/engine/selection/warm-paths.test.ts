import { describe, expect, it } from 'vitest';
import { WarmPaths } from '../../../src/engine/selection/warm-paths.js';
import { provenPair, type SamplePair } from '../sample-pairs.js';

describe('a pair that has lost the choice', () => {
  it.each<[string, SamplePair, { knownUntilMs?: number; untilMs: number }, number[]]>([
    ['is asked each ten seconds for half a minute', {}, { untilMs: 100_000 }, [10_000, 20_000]],
    [
      'is asked for as long as it loses',
      { lossy: true },
      { untilMs: 50_000 },
      [10_000, 20_000, 30_000, 40_000, 50_000],
    ],
    ['is forgotten with its candidate', {}, { knownUntilMs: 15_000, untilMs: 100_000 }, [10_000]],
  ])('%s', (_what, sample, { knownUntilMs = Infinity, untilMs }, expected) => {
    const warm = new WarmPaths();
    const pair = provenPair(sample);
    warm.keep(pair, 0);
    const askedAt: number[] = [];
    for (let now = warm.nextTimeout(); now <= untilMs; now = warm.nextTimeout())
      askedAt.push(...warm.takeDue(now, () => now < knownUntilMs).map(() => now));
    expect(askedAt).toEqual(expected);
  });

  it('is not asked any more where it wins the choice again', () => {
    const warm = new WarmPaths();
    const pair = provenPair();
    warm.keep(pair, 0);
    warm.drop(pair);
    expect(warm.nextTimeout()).toBe(Infinity);
  });
});
