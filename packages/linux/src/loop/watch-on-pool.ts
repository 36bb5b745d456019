import { linuxLibc } from '../libc/libc.js';
import { SystemCallError } from '../libc/system-call-error.js';
import type { ReadableWatch } from './readable-watch.js';
import { throwUncaught } from './throw-uncaught.js';

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const POLLIN = 0x1;
/** A poll(2) that never returns would keep the process from ending; the eventfd makes the end prompt, this makes it certain. */
const POLL_TIMEOUT_MS = 250;
/** Layout: two pollfd of 8 bytes, and the eventfd's counter. */
const COUNTER = 16;
const ARENA_BYTES = 24;

/** As watchReadable, by poll(2) on a thread of libuv's pool, which it keeps busy. */
export function watchOnPool(fd: number, onReadable: () => void): ReadableWatch {
  const libc = linuxLibc();
  const { address, view } = libc.arena(ARENA_BYTES);
  const wakeFd = libc.eventfd(0, O_NONBLOCK | O_CLOEXEC);
  if (wakeFd < 0) throw new SystemCallError('cannot create an eventfd', 'eventfd', libc.errno());
  let closing: Promise<void> | undefined;
  let onClosed: (() => void) | undefined;
  const poll = (): void => {
    view.setInt32(0, fd, true);
    view.setUint32(4, POLLIN, true);
    view.setInt32(8, wakeFd, true);
    view.setUint32(12, POLLIN, true);
    libc.pollAsync(address, 2, POLL_TIMEOUT_MS, polled);
  };
  const polled = (ready: number): void => {
    if (closing === undefined && ready > 0 && view.getUint16(6, true) !== 0) {
      try {
        onReadable();
      } catch (error) {
        throwUncaught(error);
      }
    }
    if (onClosed === undefined) return poll();
    libc.close(wakeFd);
    onClosed();
  };
  poll();
  const close = () => {
    closing ??= new Promise<void>((resolve) => {
      onClosed = resolve;
      view.setBigUint64(COUNTER, 1n, true);
      libc.write(wakeFd, address + COUNTER, 8);
    });
    return closing;
  };
  return { via: 'pool', close };
}
