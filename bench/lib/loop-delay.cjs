/* global setInterval */
// Loaded into the process under test with --require: on SIGUSR2 it writes how long its event loop was held up at most since the
// last time, in ms, to the file that LOOP_DELAY_FILE names. Time for which the system had the thread wait for a processor is not
// the loop's, and is not counted.
const { readFileSync, writeFileSync } = require('node:fs');
const { performance } = require('node:perf_hooks');
const { isMainThread } = require('node:worker_threads');

const INTERVAL_MS = 2;
/** Its second field: nanoseconds of waiting for a processor. */
const SCHEDSTAT = `/proc/self/task/${process.pid}/schedstat`;
const waitedMs = () => Number(readFileSync(SCHEDSTAT, 'utf8').split(' ')[1]) / 1e6;

if (isMainThread && process.env.LOOP_DELAY_FILE !== undefined) {
  let last = { at: performance.now(), waited: waitedMs() };
  let most = 0;
  setInterval(() => {
    const now = { at: performance.now(), waited: waitedMs() };
    most = Math.max(most, now.at - last.at - (now.waited - last.waited) - INTERVAL_MS);
    last = now;
  }, INTERVAL_MS).unref();
  process.on('SIGUSR2', () => {
    writeFileSync(process.env.LOOP_DELAY_FILE, JSON.stringify(most));
    most = 0;
  });
}
