import { createRequire } from 'node:module';
import { NativeCodeError } from './native-code-error.js';

/**
 * The system calls that Node has no API for and most systems have, bound straight to the C library. Each returns what the
 * call returns; after -1 the reason is {@link Libc.errno} (sync calls only).
 */
export interface Libc {
  close(fd: number): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, sizeBytes: number): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, sizeBytes: number): number;
  /** Makes `to` a second name of what `from` is; what `to` was is closed. */
  dup2(from: number, to: number): number;
  /** 0 where there is no such interface. */
  if_nametoindex(name: string): number;
  errno(): number;
}

/** Addresses are plain numbers: the pointers that are passed lie in an {@link Arena}, below 2^53. */
export interface LinuxLibc extends Libc {
  open(path: string, flags: number): number;
  ioctl(fd: number, request: number, argument: number): number;
  read(fd: number, address: number, sizeBytes: number): number;
  write(fd: number, address: number, sizeBytes: number): number;
  writev(fd: number, vector: number, count: number): number;
  recv(fd: number, address: number, sizeBytes: number, flags: number): number;
  recvmsg(fd: number, message: number, flags: number): number;
  /** @param timeout address of a timespec; 0: none. @returns how many messages it has received. */
  recvmmsg(fd: number, messages: number, count: number, flags: number, timeout: number): number;
  sendto(fd: number, address: number, sizeBytes: number, flags: number, name: number, nameBytes: number): number;
  sendmsg(fd: number, message: number, flags: number): number;
  /** @returns how many messages it has sent; -1 where that would be none. */
  sendmmsg(fd: number, messages: number, count: number, flags: number): number;
  /** A second number for what `fd` is, closed on exec. */
  duplicate(fd: number): number;
  /** Writes the name of an interface, at most 16 bytes, to `address`. @returns 0 where there is none. */
  if_indextoname(index: number, address: number): number;
  eventfd(initial: number, flags: number): number;
  clock_gettime(clock: number, address: number): number;
  /** prctl(2) and capset(2) are about the thread that calls. */
  prctl(...args: number[]): number;
  capset(...args: number[]): number;
  /** One of them, on a thread of libuv's pool. @throws Error where it fails. */
  onPool(name: 'prctl' | 'capset', args: readonly number[]): Promise<void>;
  /** poll(2) off the main thread: `done` is called on it with the number of ready descriptors, or -1. */
  pollAsync(address: number, count: number, timeoutMs: number, done: (ready: number) => void): void;
  /** Memory for calls. Hold on to it while a call uses it. */
  arena(sizeBytes: number): Arena;
}

/** Memory that both JavaScript and the kernel see, at an address that never moves. */
export interface Arena {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export interface KoffiFunction {
  (...args: unknown[]): number;
  async(...args: unknown[]): void;
}
/** The part of koffi that is used here. */
export interface Koffi {
  load(path: null): { func(name: string, result: string, args: (string | object)[]): KoffiFunction };
  address(memory: ArrayBuffer): bigint;
  errno(): number;
  proto(definition: string): object;
  pointer(type: object): object;
  register(callback: (...args: number[]) => void, type: object): bigint;
}
/** asm-generic/fcntl.h */
const F_DUPFD_CLOEXEC = 1030;

interface Native {
  readonly koffi: Koffi;
  /** Binds a call that returns an int. */
  readonly call: (name: string, ...args: string[]) => KoffiFunction;
}

let native: Native | undefined;
let everywhere: Libc | undefined;
let onLinux: LinuxLibc | undefined;

/**
 * Loads native code on first use (15 ms), synchronously: a process that makes no system call never pays for it.
 * @throws NativeCodeError where this platform has none.
 */
export function libc(): Libc {
  return (everywhere ??= bindEverywhere((native ??= loadNative())));
}

/**
 * As {@link libc}, with what is Linux's alone.
 * @throws NativeCodeError on anything but Linux on x64 and arm64, too.
 */
export function linuxLibc(): LinuxLibc {
  return (onLinux ??= bindOnLinux());
}

/** Where an ArrayBuffer lies, for C functions; 0 where native code cannot be loaded. */
export function koffiAddress(memory: ArrayBuffer): number {
  try {
    return Number(loadKoffi().address(memory));
  } catch (error) {
    if (error instanceof NativeCodeError) return 0;
    throw error;
  }
}

/**
 * For what is no system call: functions of the node binary and of what it is linked to.
 * @throws NativeCodeError
 */
export function loadKoffi(): Koffi {
  return (native ??= loadNative()).koffi;
}

function loadNative(): Native {
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch (cause) {
    throw new NativeCodeError('module', 'the native module "koffi" cannot be loaded', { cause });
  }
  // The symbols of this process: node is linked to the C library, whichever it is (glibc, musl, libSystem).
  const library = koffi.load(null);
  return { koffi, call: (name, ...args) => library.func(name, 'int', args) };
}

function bindEverywhere({ koffi, call }: Native): Libc {
  return {
    close: call('close', 'int'),
    socket: call('socket', 'int', 'int', 'int'),
    bind: call('bind', 'int', 'uint8_t *', 'uint32'),
    setsockopt: call('setsockopt', 'int', 'int', 'int', 'uint8_t *', 'uint32'),
    dup2: call('dup2', 'int', 'int'),
    if_nametoindex: call('if_nametoindex', 'str'),
    errno: () => koffi.errno(),
  };
}

function bindOnLinux(): LinuxLibc {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new NativeCodeError('system', `no system calls on ${process.platform}/${process.arch} yet`);
  }
  const { koffi, call } = (native ??= loadNative());
  // Pointers are declared as integers: passing a number into a fixed arena costs half of passing a Uint8Array.
  const poll = call('poll', 'uint64', 'uint64', 'int');
  const duplicate = call('fcntl', 'int', 'int', 'int');
  const ofThread = {
    prctl: call('prctl', 'int', 'uint64', 'uint64', 'uint64', 'uint64'),
    capset: call('capset', 'uint64', 'uint64'),
  };
  return {
    ...libc(),
    open: call('open', 'str', 'int'),
    ioctl: call('ioctl', 'int', 'uint64', 'uint64'),
    read: call('read', 'int', 'uint64', 'uint64'),
    write: call('write', 'int', 'uint64', 'uint64'),
    writev: call('writev', 'int', 'uint64', 'int'),
    recv: call('recv', 'int', 'uint64', 'uint64', 'int'),
    recvmsg: call('recvmsg', 'int', 'uint64', 'int'),
    recvmmsg: call('recvmmsg', 'int', 'uint64', 'uint32', 'int', 'uint64'),
    sendto: call('sendto', 'int', 'uint64', 'uint64', 'int', 'uint64', 'uint32'),
    sendmsg: call('sendmsg', 'int', 'uint64', 'int'),
    sendmmsg: call('sendmmsg', 'int', 'uint64', 'uint32', 'int'),
    duplicate: (fd) => duplicate(fd, F_DUPFD_CLOEXEC, 0),
    if_indextoname: call('if_indextoname', 'uint32', 'uint64'),
    eventfd: call('eventfd', 'uint32', 'int'),
    clock_gettime: call('clock_gettime', 'int', 'uint64'),
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
    arena(sizeBytes) {
      // The garbage collector never moves the bytes of an ArrayBuffer, and frees them only with the arena.
      const buffer = new ArrayBuffer(sizeBytes);
      return { address: Number(koffi.address(buffer)), bytes: new Uint8Array(buffer), view: new DataView(buffer) };
    },
  };
}
