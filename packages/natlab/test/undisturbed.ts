import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { TestContext } from 'vitest';
import { report } from './lab-for-test.js';

const ATTEMPTS = 3;
/** A process that wants to run waits so long where nothing else is wrong. */
const PAUSE_MS = 60;
/** Of the processors' time, taken by the machine under a virtual one. */
const STEAL_SHARE = 0.15;
const CLOCK_TICK_MS = 10;

/**
 * Measures, and again if the machine did not let our processes run while what was measured is not acceptable: a gap that
 * everybody had is not the tunnel's. An unacceptable measurement on a machine that was at our disposal counts at once; where
 * the machine never was, the test is skipped and says so: nothing has been measured.
 */
export async function undisturbed<T extends object>(
  { skip }: Pick<TestContext, 'skip'>,
  measure: () => Promise<T & { readonly longestPauseMs?: number }>,
  isAcceptable: (measured: T) => boolean,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const [startedAt, stolenBefore] = [performance.now(), stolenMs()];
    const measured = await measure();
    const share = (stolenMs() - stolenBefore) / (performance.now() - startedAt) / availableParallelism();
    const { longestPauseMs = 0 } = measured;
    const isDisturbed = longestPauseMs > PAUSE_MS || share > STEAL_SHARE;
    if (isAcceptable(measured) || !isDisturbed) return measured;
    const pause = `paused for up to ${longestPauseMs.toFixed(0)} ms`;
    const why = `the machine ${pause} and was taken away for ${(share * 100).toFixed(0)} % of the time`;
    if (attempt === ATTEMPTS) {
      report('skipped', why);
      skip(why);
    }
    report('measured again', why);
  }
}

/** Time that a hypervisor took from all processors since the start. */
function stolenMs(): number {
  const [, ...ticks] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]?.split(/ +/) ?? [];
  return Number(ticks[7] ?? 0) * CLOCK_TICK_MS;
}
