import type { Clock } from './clock.js';
import { CodedError } from '../errors/coded-error.js';
import { reasonOf } from '../errors/reason-of.js';

/** After this long, whatever is waited for is named in the log (avvio's habit). */
export const SLOW_AFTER_MS = 10_000;

export interface Deadline {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Names what is waited for: `@wirepath/transport-wg: start`. */
  readonly what: string;
  /** Called once, when it has taken {@link SLOW_AFTER_MS}. */
  readonly onSlow?: () => void;
  /** Its abortion ends the wait, not the work. */
  readonly signal?: AbortSignal;
}

/**
 * Waits for work, but not for ever.
 * @throws CodedError TIMEOUT or ABORTED, or what the work itself throws.
 */
export function within<T>(work: () => Promise<T> | T, deadline: Deadline): Promise<T> {
  const { clock, timeoutMs, what, onSlow, signal } = deadline;
  return new Promise<T>((resolve, reject) => {
    const timers: Disposable[] = [];
    const onAbort = () => finish(() => reject(new CodedError('ABORTED', `${what}: stopped before it was done`)));
    const finish = (settle: () => void) => {
      for (const timer of timers) timer[Symbol.dispose]();
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    if (onSlow !== undefined && timeoutMs > SLOW_AFTER_MS) timers.push(clock.setTimeout(onSlow, SLOW_AFTER_MS));
    timers.push(
      clock.setTimeout(
        () => finish(() => reject(new CodedError('TIMEOUT', `${what}: not done after ${timeoutMs / 1000} s`))),
        timeoutMs,
      ),
    );
    Promise.resolve()
      .then(work)
      .then(
        (value) => finish(() => resolve(value)),
        (error: unknown) =>
          finish(() => reject(error instanceof Error ? error : new Error(reasonOf(error), { cause: error }))),
      );
  });
}
