import type { Clock } from '../../base/time/clock.js';
import { CodedError } from '../../base/errors/coded-error.js';

export interface UntilOptions {
  readonly clock: Clock;
  /** Left out: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Calls back whenever `look` may see something else. */
  onChange(listener: () => void): Disposable;
}

/**
 * Looks at every change until there is something to see.
 * @returns what `look` saw first, or undefined when the time is up.
 * @throws CodedError ABORTED.
 */
export function until<T>(look: () => T | undefined, options: UntilOptions): Promise<T | undefined> {
  const { clock, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      timer?.[Symbol.dispose]();
      changes[Symbol.dispose]();
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const check = () => {
      const value = look();
      if (value !== undefined) finish(() => resolve(value));
    };
    const onAbort = () => finish(() => reject(new CodedError('ABORTED')));
    const timer =
      timeoutMs === undefined ? undefined : clock.setTimeout(() => finish(() => resolve(look())), timeoutMs);
    const changes = options.onChange(check);
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    check();
  });
}
