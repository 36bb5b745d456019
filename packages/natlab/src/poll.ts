import { setTimeout as delay } from 'node:timers/promises';

export interface PollOptions {
  /** What is waited for, in the error. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly intervalMs?: number;
}

/** Asks until the answer is not undefined. @throws Error when the time is up. */
export async function poll<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  { what, timeoutMs, intervalMs = 50 }: PollOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() >= deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await delay(intervalMs);
  }
}
