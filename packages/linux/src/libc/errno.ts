import { constants } from 'node:os';

/** What the errors that people meet say. The others are told by their number. */
const TEXTS: Readonly<Record<string, string>> = {
  EPERM: 'operation not permitted',
  ENOENT: 'no such file',
  EINTR: 'interrupted',
  EIO: 'the interface is down',
  ENXIO: 'no such device',
  EAGAIN: 'would block',
  EACCES: 'permission denied',
  EBUSY: 'in use',
  EEXIST: 'exists',
  ENODEV: 'no such device',
  EINVAL: 'invalid argument',
  EBADFD: 'the device is gone',
  EADDRINUSE: 'address in use',
  EADDRNOTAVAIL: 'no interface has this address',
  ENOBUFS: 'no buffer space',
};

/** asm-generic/errno.h: one that Node's table does not have, and one that the kernel has another name for than Node's first. */
const OF_LINUX: readonly (readonly [number, string])[] = [
  [77, 'EBADFD'],
  [95, 'EOPNOTSUPP'],
];
const NAMES = new Map(process.platform === 'linux' ? OF_LINUX : []);
for (const [name, errno] of Object.entries(constants.errno)) {
  // Of two names for one number (EAGAIN, EWOULDBLOCK) the first is the usual one.
  if (!NAMES.has(errno)) NAMES.set(errno, name);
}

/** The numbers are this system's own. */
export const { EAGAIN, EBADF, EINTR, EIO, ENOBUFS, ENODEV } = constants.errno;

/** `EPERM` for 1, and so on; `errno 999` for a number without a name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** A few words for people, in English. */
export function errnoText(errno: number): string {
  return TEXTS[errnoName(errno)] ?? `error ${errno}`;
}
