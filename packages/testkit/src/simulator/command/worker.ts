import { parentPort } from 'node:worker_threads';
import { runPlan } from '../check-plan.js';
import { randomPlan } from '../plan/network-plan.js';
import { addReport, emptySummary } from './summary.js';

/** Seeds from `from` to, but without, `to`. */
export interface WorkerTask {
  readonly from: number;
  readonly to: number;
  readonly disturbances: number;
}

parentPort?.on('message', ({ from, to, disturbances }: WorkerTask) => {
  const summary = emptySummary();
  for (let seed = from; seed < to; seed += 1) {
    const plan = randomPlan(seed, { disturbances });
    addReport(summary, plan, runPlan(plan));
  }
  parentPort?.postMessage(summary);
});
