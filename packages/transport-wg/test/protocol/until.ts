import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('timed out');
    await delay(5);
  }
}
