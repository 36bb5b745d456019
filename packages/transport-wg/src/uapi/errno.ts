/** Linux's numbers, negative on the wire, whatever the system: `wg` reads them so. */
export const UAPI_ERRNO = {
  EIO: 5,
  EINVAL: 22,
  EPROTO: 71,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
} as const;

/** A refused UAPI request. The message names the key, never its value: values are secrets too often. */
export class UapiError extends Error {
  /** Positive, as in errno.h. */
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.name = 'UapiError';
    this.errno = errno;
  }
}
