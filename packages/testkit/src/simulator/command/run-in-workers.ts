import { Worker } from 'node:worker_threads';
import type { WorkerTask } from './worker.js';
import { mergeSummary, type Summary } from './summary.js';

/** So many networks are one message. */
const BATCH = 50;

export interface ManyNetworks {
  readonly networks: number;
  readonly from: number;
  readonly disturbances: number;
  readonly jobs: number;
}

/** Shares the networks out among worker threads. @param onProgress how many are done. */
export async function runInWorkers(
  { networks, from, disturbances, jobs }: ManyNetworks,
  summary: Summary,
  onProgress: (done: number) => void,
): Promise<void> {
  let next = from;
  const end = from + networks;
  await Promise.all(
    Array.from({ length: Math.min(jobs, Math.ceil(networks / BATCH)) }, async () => {
      const worker = new Worker(new URL('./worker.js', import.meta.url));
      try {
        while (next < end) {
          const task: WorkerTask = { from: next, to: Math.min(next + BATCH, end), disturbances };
          next = task.to;
          mergeSummary(summary, await ask(worker, task));
          onProgress(summary.networks);
        }
      } finally {
        await worker.terminate();
      }
    }),
  );
  summary.failures.sort((a, b) => a.seed - b.seed);
}

function ask(worker: Worker, task: WorkerTask): Promise<Summary> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (summary: Summary) => {
      worker.off('error', reject);
      resolve(summary);
    });
    worker.postMessage(task);
  });
}
