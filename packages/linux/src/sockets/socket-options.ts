import { linuxLibc } from '../libc/libc.js';
import { SystemCallError } from '../libc/system-call-error.js';

/** asm-generic/socket.h */
export const SOL_SOCKET = 1;
export const SO_BINDTODEVICE = 25;
export const SO_REUSEADDR = 2;
export const SO_REUSEPORT = 15;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_MARK = 36;
/** linux/in.h */
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_OMIT = 5;

/** @returns the errno, 0 where it was set. @throws NativeCodeError */
export function setOption(fd: number, option: number, to: Uint8Array | number, level = SOL_SOCKET): number {
  const system = linuxLibc();
  const value = typeof to === 'number' ? int32(to) : to;
  return system.setsockopt(fd, level, option, value, value.length) < 0 ? system.errno() : 0;
}

/** Both architectures that there is a libc for are little-endian. */
function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/**
 * SO_MARK: policy routing tells datagrams of this socket from everything else by the mark. Linux only.
 * @throws SystemCallError EPERM without CAP_NET_ADMIN. @throws NativeCodeError
 */
export function markSocket(fd: number, mark: number): void {
  const errno = setOption(fd, SO_MARK, mark);
  if (errno !== 0) throw new SystemCallError('cannot mark a socket (SO_MARK)', 'setsockopt', errno);
}

/**
 * SO_BINDTODEVICE: sends and receives only on this interface. Linux only.
 * @throws SystemCallError EPERM without CAP_NET_RAW, ENODEV. @throws NativeCodeError
 */
export function bindToInterface(fd: number, interfaceName: string): void {
  const errno = setOption(fd, SO_BINDTODEVICE, Buffer.from(`${interfaceName}\0`));
  if (errno !== 0) {
    throw new SystemCallError(`cannot bind a socket to ${interfaceName} (SO_BINDTODEVICE)`, 'setsockopt', errno);
  }
}

/**
 * Buffers beyond the system's limit, as far as we may; without the right the limit stays. Linux only.
 * @throws NativeCodeError
 */
export function forceBufferSizes(fd: number, sizeBytes: number): void {
  setOption(fd, SO_RCVBUFFORCE, sizeBytes);
  setOption(fd, SO_SNDBUFFORCE, sizeBytes);
}

/**
 * IP_PMTUDISC_OMIT: datagrams of this IPv4 socket go without DF, as large as they are, and routers may take them apart. What ICMP
 * says of the path's MTU is not believed, for anybody can forge it. Linux only.
 * @throws SystemCallError where the kernel does not know it (before 3.15). @throws NativeCodeError
 */
export function letRoutersFragment(fd: number): void {
  const errno = setOption(fd, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT, IPPROTO_IP);
  if (errno !== 0) throw new SystemCallError('cannot send without DF (IP_MTU_DISCOVER)', 'setsockopt', errno);
}
