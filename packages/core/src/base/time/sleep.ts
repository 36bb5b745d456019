import type { Clock } from './clock.js';

/** Resolves after `delayMs`, or at once when aborted: the caller looks at the signal. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = clock.setTimeout(done, delayMs);
    signal.addEventListener('abort', done, { once: true });
    function done() {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
