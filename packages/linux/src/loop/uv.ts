import { isMainThread } from 'node:worker_threads';
import { loadKoffi, type Koffi } from '../libc/libc.js';
import { SystemCallError } from '../libc/system-call-error.js';
import { throwUncaught } from './throw-uncaught.js';

/** uv.h */
const UV_POLL = 8;
const UV_READABLE = 1;

/** Descriptors that Node's own event loop watches for us: libuv's public `uv_poll`, for which Node has no API. */
export interface Uv {
  /** @throws SystemCallError for a descriptor that the system cannot watch, or that libuv watches already. */
  start(fd: number, onReadable: () => void): { close(): Promise<void> };
}

interface Handle {
  readonly address: number;
  /** libuv writes to it until it has told that it is closed. */
  readonly memory: ArrayBuffer;
  onReadable: (() => void) | undefined;
  onClosed: (() => void) | undefined;
}

let bound: Uv | null | undefined;

/** @returns undefined where the loop cannot be had: in a worker, or in a program that brings its own. */
export function bindUv(): Uv | undefined {
  if (bound === undefined)
    bound = isMainThread && process.versions['electron'] === undefined ? bind(loadKoffi()) : null;
  return bound ?? undefined;
}

function bind(koffi: Koffi): Uv | null {
  const library = koffi.load(null);
  const onEvent = koffi.pointer(koffi.proto('void wirepath_uv_poll(uint64 handle, int status, int events)'));
  const onClose = koffi.pointer(koffi.proto('void wirepath_uv_close(uint64 handle)'));
  const calls = (() => {
    try {
      return {
        loop: library.func('uv_default_loop', 'uint64', [])(),
        sizeBytes: library.func('uv_handle_size', 'uint64', ['int'])(UV_POLL),
        init: library.func('uv_poll_init', 'int', ['uint64', 'uint64', 'int']),
        start: library.func('uv_poll_start', 'int', ['uint64', 'int', onEvent]),
        stop: library.func('uv_poll_stop', 'int', ['uint64']),
        close: library.func('uv_close', 'void', ['uint64', onClose]),
      };
    } catch {
      // A Node that does not show its libuv.
      return undefined;
    }
  })();
  if (calls === undefined) return null;

  const handles = new Map<number, Handle>();
  const readable = koffi.register((address: number, status: number) => {
    const handle = handles.get(address);
    try {
      handle?.onReadable?.();
    } catch (error) {
      throwUncaught(error);
    }
    // libuv watches no longer what has reported an error, which may be that of a single datagram.
    if (status < 0 && handle?.onReadable !== undefined) calls.start(address, UV_READABLE, readable);
  }, onEvent);
  const closed = koffi.register((address: number) => {
    const handle = handles.get(address);
    handles.delete(address);
    // Called last before the loop may sleep: what waits for a promise would wait until something else happens.
    if (handle?.onClosed !== undefined) setImmediate(handle.onClosed);
  }, onClose);
  // While Node takes itself apart, the loop turns once more, and there is no JavaScript to call back.
  process.once('exit', () => {
    for (const { address } of handles.values()) calls.stop(address);
  });

  return {
    start(fd, onReadable) {
      const memory = new ArrayBuffer(calls.sizeBytes);
      const address = Number(koffi.address(memory));
      const initialised = calls.init(calls.loop, address, fd);
      if (initialised < 0) throw new SystemCallError('cannot watch a descriptor', 'uv_poll_init', -initialised);
      const handle: Handle = { address, memory, onReadable, onClosed: undefined };
      handles.set(address, handle);
      const close = () =>
        new Promise<void>((resolve) => {
          handle.onReadable = undefined;
          handle.onClosed = resolve;
          calls.close(address, closed);
        });
      const started = calls.start(address, UV_READABLE, readable);
      if (started >= 0) return { close };
      void close();
      throw new SystemCallError('cannot watch a descriptor', 'uv_poll_start', -started);
    },
  };
}
