import { loadavg } from 'node:os';

/** Runnable threads beside ours, from which on throughput says little. */
const BUSY = 0.5;

/** Says on stderr that the machine has other work, before there is any of ours. */
export function warnOfOtherWork() {
  const [load] = loadavg();
  if (load < BUSY) return;
  const advice =
    'throughput will be low and scatter, CPU seconds per gigabyte less so: run it alone, or with more --rounds';
  process.stderr.write(`the machine has other work (load ${load.toFixed(1)}): ${advice}\n`);
}
