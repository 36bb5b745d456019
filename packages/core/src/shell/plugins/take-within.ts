import type { Clock } from '../../base/time/clock.js';

export interface TakeWithin {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly maxItems: number;
  readonly limitMs: number;
  readonly slowMs: number;
  readonly onSlow: () => void;
}

/** How it came to an end: by itself, by the time, the number or the signal. */
export type TakeEnd = 'done' | 'late' | 'too-many' | 'aborted';

/**
 * Takes what an iterable of somebody else's yields, but neither for ever nor without end; whatever it does afterwards is not
 * waited for. @throws what the iterable throws.
 */
export async function takeWithin<T>(
  open: () => AsyncIterable<T>,
  take: (item: T) => void,
  { clock, signal, maxItems, limitMs, slowMs, onSlow }: TakeWithin,
): Promise<TakeEnd> {
  const iterator = open()[Symbol.asyncIterator]();
  const timers: Disposable[] = [];
  let onAbort = () => {};
  const cut = new Promise<'late' | 'aborted'>((resolve) => {
    onAbort = () => resolve('aborted');
    timers.push(clock.setTimeout(onSlow, slowMs));
    timers.push(clock.setTimeout(() => resolve('late'), limitMs));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    for (let count = 0; count < maxItems; count++) {
      const next = await Promise.race([iterator.next(), cut]);
      if (typeof next === 'string') return leave(iterator, next);
      if (next.done === true) return 'done';
      take(next.value);
    }
    return leave(iterator, 'too-many');
  } finally {
    for (const timer of timers) timer[Symbol.dispose]();
    signal.removeEventListener('abort', onAbort);
  }
}

function leave(iterator: AsyncIterator<unknown>, end: TakeEnd): TakeEnd {
  // Nobody waits for it any more, so nobody hears what it has to say to that.
  Promise.resolve()
    .then(() => iterator.return?.())
    .catch(() => undefined);
  return end;
}
