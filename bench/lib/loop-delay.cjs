// Loaded into the process under test with --require: on SIGUSR2 it writes how long its event loop was held up at most since the
// last time, in ms, to the file that LOOP_DELAY_FILE names.
const { writeFileSync } = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { isMainThread } = require('node:worker_threads');

const RESOLUTION_MS = 2;
if (isMainThread && process.env.LOOP_DELAY_FILE !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  process.on('SIGUSR2', () => {
    writeFileSync(process.env.LOOP_DELAY_FILE, JSON.stringify(Math.max(0, delay.max / 1e6 - RESOLUTION_MS)));
    delay.reset();
  });
}
