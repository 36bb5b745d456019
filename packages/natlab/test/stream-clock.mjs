import { setInterval } from 'node:timers';
import { performance } from 'node:perf_hooks';

const originNs = BigInt(Math.round(Date.now() * 1e6)) - process.hrtime.bigint();

/** Unix ns; processes of one machine agree to a millisecond. */
export function unixNs() {
  return originNs + process.hrtime.bigint();
}

const TICK_MS = 5;
/** What a timer may be late without anybody having taken the processor away. */
const PAUSE_MS = 20;

/** @returns the times at which this process did not run though it wanted to, as unix ms and length. */
export function watchPauses() {
  const pauses = [];
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    if (now - last > PAUSE_MS) pauses.push({ atMs: Date.now() - (now - last), lengthMs: now - last });
    last = now;
  }, TICK_MS);
  return () => pauses;
}
