import { describe, expect, it } from 'vitest';
import { describePlan, randomPlan, violationsOf, type NetworkPlan } from '../src/index.js';

/** How many networks; the whole of it: 10000. */
const COUNT = Number(process.env['WIREPATH_SIMULATIONS'] ?? 16);
/** Runs one network alone. */
const SEED = process.env['WIREPATH_SIMULATION_SEED'];

const replay = (seed: number) =>
  `WIREPATH_SIMULATION_SEED=${seed} npx vitest run --project unit packages/testkit/test/simulator.test.ts`;

function failures(plans: Iterable<NetworkPlan>): string[] {
  const failed: string[] = [];
  for (const plan of plans) {
    const violations = violationsOf(plan);
    if (violations.length > 0)
      failed.push([`seed ${plan.seed}: ${describePlan(plan)}`, ...violations, replay(plan.seed)].join('\n  '));
  }
  return failed;
}

function* plans(options: { disturbances?: number }, count: number): Iterable<NetworkPlan> {
  const [from, to] = SEED === undefined ? [1, count] : [Number(SEED), Number(SEED)];
  for (let seed = from; seed <= to; seed += 1) yield randomPlan(seed, options);
}

describe('two nodes on random networks', () => {
  it('end with the connections that the NATs between them permit, and keep them', { timeout: 3_600_000 }, () => {
    expect(failures(plans({}, COUNT)).join('\n')).toBe('');
  });

  it('find them again after whatever happens to the network', { timeout: 3_600_000 }, () => {
    expect(failures(plans({ disturbances: 2 }, COUNT / 2)).join('\n')).toBe('');
  });
});
