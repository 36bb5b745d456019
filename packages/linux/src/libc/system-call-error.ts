import { errnoName, errnoText } from './errno.js';

/** A system call that failed. The message is the operation and the reason: `cannot open /dev/net/tun: no such file`. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  /** What was tried, for people: `cannot open /dev/net/tun`. */
  readonly operation: string;
  /** The name of the call: `open`. */
  readonly call: string;
  readonly errno: number;
  /** The name of the errno: `ENOENT`. */
  readonly code: string;
  /** The reason, for people: `no such file`. */
  readonly text: string;

  constructor(operation: string, call: string, errno: number) {
    const text = errnoText(errno);
    super(`${operation}: ${text}`);
    this.operation = operation;
    this.call = call;
    this.errno = errno;
    this.code = errnoName(errno);
    this.text = text;
  }
}
