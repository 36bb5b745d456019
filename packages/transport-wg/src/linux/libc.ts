import { createRequire } from 'node:module';
import { CodedError, type Denial } from '@wirepath/core/plugin';
import { LINUX_ERRNO } from './errno.js';

/** Addresses and sizes are plain numbers: the pointers we pass lie in one {@link Arena}, below 2^53. */
type SystemCall<Arguments extends unknown[]> = (...args: Arguments) => number;

/**
 * The handful of system calls that Node has no API for, bound straight to libc. Each returns what the call returns;
 * after -1 the reason is {@link Libc.errno} (sync calls only).
 */
export interface Libc {
  readonly open: SystemCall<[path: string, flags: number]>;
  readonly close: SystemCall<[fd: number]>;
  readonly ioctl: SystemCall<[fd: number, request: number, argument: number]>;
  readonly read: SystemCall<[fd: number, address: number, sizeBytes: number]>;
  readonly write: SystemCall<[fd: number, address: number, sizeBytes: number]>;
  readonly eventfd: SystemCall<[initial: number, flags: number]>;
  readonly clockGettime: SystemCall<[clock: number, address: number]>;
  readonly setsockopt: SystemCall<[fd: number, level: number, name: number, address: number, sizeBytes: number]>;
  /** prctl(2) and capset(2) are about the thread that calls. */
  readonly prctl: SystemCall<number[]>;
  readonly capset: SystemCall<number[]>;
  /** One of them, on a thread of libuv's pool. @throws Error where it fails. */
  onPool(name: 'prctl' | 'capset', args: readonly number[]): Promise<void>;
  /** poll(2) off the main thread: `done` is called on it with the number of ready descriptors, or -1. */
  pollAsync(address: number, count: number, timeoutMs: number, done: (ready: number) => void): void;
  errno(): number;
  arena(sizeBytes: number): Arena;
}

/** Memory that both JavaScript and the kernel see, at an address that never moves. */
export interface Arena {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

interface KoffiFunction {
  (...args: unknown[]): number;
  async(...args: unknown[]): void;
}
interface Koffi {
  load(path: null): { func(name: string, result: string, args: string[]): KoffiFunction };
  address(memory: ArrayBuffer): bigint;
  errno(): number;
}

let loaded: Libc | undefined;

/**
 * Binds libc on first use: a node without a device never loads native code.
 * @throws CodedError NETWORK_CONFIG where this platform is not supported.
 */
export function libc(): Libc {
  loaded ??= bind();
  return loaded;
}

function bind(): Libc {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new CodedError('NETWORK_CONFIG', `no TUN device on ${process.platform}/${process.arch} yet`, {
      advice: 'Set `tun: false` in the options of the transport to use packets in this process instead of a device.',
    });
  }
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch (cause) {
    throw new CodedError('NETWORK_CONFIG', 'the native module "koffi" cannot be loaded', {
      advice: 'Install it again for this platform (`npm rebuild koffi`), or set `tun: false`.',
      cause,
    });
  }
  const library = koffi.load(null);
  // Pointers are declared as integers: passing a number into a fixed arena costs half of passing a Uint8Array.
  const call = (name: string, ...args: string[]) => library.func(name, 'int', args);
  const poll = call('poll', 'uint64', 'uint64', 'int');
  const ofThread = {
    prctl: call('prctl', 'int', 'uint64', 'uint64', 'uint64', 'uint64'),
    capset: call('capset', 'uint64', 'uint64'),
  };
  return {
    open: call('open', 'str', 'int'),
    close: call('close', 'int'),
    ioctl: call('ioctl', 'int', 'uint64', 'uint64'),
    read: call('read', 'int', 'uint64', 'uint64'),
    write: call('write', 'int', 'uint64', 'uint64'),
    eventfd: call('eventfd', 'uint32', 'int'),
    clockGettime: call('clock_gettime', 'int', 'uint64'),
    setsockopt: call('setsockopt', 'int', 'int', 'int', 'uint64', 'uint32'),
    ...ofThread,
    onPool: (name, args) =>
      new Promise((resolve, reject) => {
        ofThread[name].async(...args, (error: unknown, result: number) => {
          if (error || result < 0) reject(new Error(`${name} failed on a thread of the pool`));
          else resolve();
        });
      }),
    pollAsync: (address, count, timeoutMs, done) => {
      poll.async(address, count, timeoutMs, (error: unknown, ready: number) => done(error ? -1 : ready));
    },
    errno: () => koffi.errno(),
    arena(sizeBytes) {
      // The garbage collector never moves the bytes of an ArrayBuffer, and frees them only with the arena.
      const buffer = new ArrayBuffer(sizeBytes);
      return { address: Number(koffi.address(buffer)), bytes: new Uint8Array(buffer), view: new DataView(buffer) };
    },
  };
}

/**
 * The error of a failed call, for people: what was tried, why it failed, what cures it.
 * @param refusal says what the call needs that we lack, from the name of the errno: EPERM or EACCES.
 */
export function systemError(
  operation: string,
  errno: number,
  subject: string | undefined,
  refusal: (code: string) => Denial,
): CodedError {
  const known = LINUX_ERRNO[errno];
  const message = `${operation}: ${known?.text ?? `error ${errno}`}`;
  const details = subject === undefined ? {} : { subject };
  switch (known?.name) {
    case 'EPERM':
    case 'EACCES': {
      const { reason, advice } = refusal(known.name);
      return new CodedError('PERMISSION_DENIED', `${operation}: ${reason}`, { ...details, advice });
    }
    case 'EBUSY':
    case 'EEXIST':
      return new CodedError('INTERFACE_IN_USE', message, details);
    case 'ENODEV':
    case 'ENXIO':
      return new CodedError('INTERFACE_NOT_FOUND', message, details);
    default:
      return new CodedError('NETWORK_CONFIG', message, details);
  }
}
