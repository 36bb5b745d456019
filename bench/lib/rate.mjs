import { performance } from 'node:perf_hooks';
import { median } from './median.mjs';

const ROUNDS = 5;
const ROUND_MS = 300;

/**
 * Calls per second of each function, median of rounds that take turns, so that what else the machine does hits them alike.
 * @param {Record<string, () => unknown>} functions
 * @returns {Record<string, number>}
 */
export function rates(functions) {
  const runs = Object.fromEntries(Object.keys(functions).map((name) => [name, []]));
  for (const call of Object.values(functions)) perSecond(call, ROUND_MS);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, call] of Object.entries(functions)) runs[name].push(perSecond(call, ROUND_MS));
  }
  return Object.fromEntries(Object.entries(runs).map(([name, values]) => [name, median(values)]));
}

function perSecond(call, forMs) {
  const startedAt = performance.now();
  let calls = 0;
  let elapsedMs = 0;
  // Between two looks at the clock, enough calls that looking costs nothing.
  for (let batch = 1; elapsedMs < forMs; batch = Math.min(batch * 2, 4096)) {
    for (let i = 0; i < batch; i += 1) call();
    calls += batch;
    elapsedMs = performance.now() - startedAt;
  }
  return (calls * 1000) / elapsedMs;
}
