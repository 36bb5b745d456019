import { describe, expect, it } from 'vitest';
import { describePlan, randomPlan, runPlan } from '../../src/index.js';

/** A sample; `simulate` runs ten thousand, and any one alone. */
const COUNT = 48;

function failures(options: { disturbances?: number }, count: number): string[] {
  return Array.from({ length: count }, (_, index) => randomPlan(index + 1, options)).flatMap((plan) => {
    const { violations } = runPlan(plan);
    return violations.map((violation) => `seed ${plan.seed}: ${describePlan(plan)}: ${violation}`);
  });
}

describe('two nodes on random networks', () => {
  it('end with the connections that the NATs between them permit, and keep them', () => {
    expect(failures({}, COUNT)).toEqual([]);
  });

  it('find them again after whatever happens to the network', () => {
    expect(failures({ disturbances: 2 }, COUNT / 2)).toEqual([]);
  });

  it('are replayed by their seed, to the millisecond', () => {
    const run = () => runPlan(randomPlan(7, { disturbances: 2 }));
    expect(run()).toEqual(run());
  });
});
