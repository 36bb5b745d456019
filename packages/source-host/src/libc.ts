import type * as Koffi from 'koffi';
import { createRequire } from 'node:module';

/** The calls that Node has no API for. Each returns -1 on failure, and `errno` is then the reason. */
export interface Libc {
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, sizeBytes: number): number;
  /** 0 where there is no such interface. */
  if_nametoindex(name: string): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, sizeBytes: number): number;
  /** Makes `to` a second name of `from`'s socket; what `to` was is closed. */
  dup2(from: number, to: number): number;
  close(fd: number): number;
  errno(): number;
}

let loaded: Libc | undefined;

/**
 * Loads the foreign function interface on first use (15 ms), synchronously, as {@link Egress.bindToDevice} is.
 * @throws Error when it is missing for this platform.
 */
export function loadLibc(): Libc {
  return (loaded ??= bindLibc());
}

function bindLibc(): Libc {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  // The symbols of this process: node is linked to the C library, whichever it is (glibc, musl, libSystem).
  const process = koffi.load(null);
  return {
    setsockopt: process.func('int setsockopt(int fd, int level, int option, uint8_t *value, uint32_t size)'),
    if_nametoindex: process.func('unsigned int if_nametoindex(const char *name)'),
    socket: process.func('int socket(int domain, int type, int protocol)'),
    bind: process.func('int bind(int fd, uint8_t *address, uint32_t size)'),
    dup2: process.func('int dup2(int from, int to)'),
    close: process.func('int close(int fd)'),
    errno: () => koffi.errno(),
  };
}
