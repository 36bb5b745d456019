import { setMaxListeners } from 'node:events';
import { CodedError } from '@wirepath/core/plugin';

/** Waits for work that others wait for too: abortion ends this wait, not the work. @throws CodedError ABORTED. */
export function waitFor<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new CodedError('ABORTED', 'stopped while waiting for the relay'));
    // Before anything else: work that fails after an abortion must not become an unhandled rejection.
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) return onAbort();
    manyMayWait(signal);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** A signal for a whole node has a listener for each of its peers: Node would warn of a leak from the 11th on. */
export function manyMayWait(signal: AbortSignal): void {
  setMaxListeners(0, signal);
}
