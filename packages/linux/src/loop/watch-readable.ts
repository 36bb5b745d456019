import { bindUv, type Uv } from './uv.js';
import type { ReadableWatch } from './readable-watch.js';
import { watchOnPool } from './watch-on-pool.js';

/**
 * Calls back on the main thread whenever the descriptor can be read (or has failed), and again as long as it can: a callback
 * reads as much as leaves time for others. It keeps the process alive. What it throws is the process's `uncaughtException`.
 * @param fd non-blocking. @throws NativeCodeError. @throws SystemCallError where it cannot be watched.
 */
export function watchReadable(fd: number, onReadable: () => void): ReadableWatch {
  const uv = bindUv();
  return uv === undefined ? watchOnPool(fd, onReadable) : watchByLoop(uv, fd, onReadable);
}

function watchByLoop(uv: Uv, fd: number, onReadable: () => void): ReadableWatch {
  const handle = uv.start(fd, onReadable);
  let closed: Promise<void> | undefined;
  return { via: 'uv', close: () => (closed ??= handle.close()) };
}
