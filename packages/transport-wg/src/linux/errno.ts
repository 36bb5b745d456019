/** The errors of Linux that we tell apart (asm-generic/errno-base.h, errno.h: the same on x64 and arm64). */
export const LINUX_ERRNO: Readonly<Record<number, { readonly name: string; readonly text: string }>> = {
  1: { name: 'EPERM', text: 'operation not permitted' },
  2: { name: 'ENOENT', text: 'no such file' },
  4: { name: 'EINTR', text: 'interrupted' },
  5: { name: 'EIO', text: 'the interface is down' },
  6: { name: 'ENXIO', text: 'no such device' },
  11: { name: 'EAGAIN', text: 'would block' },
  13: { name: 'EACCES', text: 'permission denied' },
  16: { name: 'EBUSY', text: 'in use' },
  17: { name: 'EEXIST', text: 'exists' },
  19: { name: 'ENODEV', text: 'no such device' },
  22: { name: 'EINVAL', text: 'invalid argument' },
  77: { name: 'EBADFD', text: 'the device is gone' },
  105: { name: 'ENOBUFS', text: 'no buffer space' },
};

export const EIO = 5;
export const EAGAIN = 11;
export const EINTR = 4;
