import { describePlan, randomPlan, runPlan } from '../../src/index.js';
import { expect, it } from 'vitest';

it('two nodes on the network of seed 75 end as the oracle says', () => {
  const plan = randomPlan(75, { disturbances: 1 });
  expect(runPlan(plan).violations, describePlan(plan)).toEqual([]);
});
