import { deniedCapability, type Capability } from '@wirepath/core/plugin';
import { libc, systemError, type Arena } from './libc.js';

/** asm-generic/socket.h */
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_MARK = 36;

let scratch: Arena | undefined;

function setOption(fd: number, name: number, value: Uint8Array): number {
  const system = libc();
  scratch ??= system.arena(64);
  scratch.bytes.set(value);
  return system.setsockopt(fd, SOL_SOCKET, name, scratch.address, value.length) < 0 ? system.errno() : 0;
}

const needs = (capability: Capability) => (code: string) => deniedCapability(capability, code);

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/**
 * The descriptor of a bound UDP socket. Node has no public accessor; its `_handle` warns, so the state object behind it
 * is read.
 * @returns undefined where this Node keeps it elsewhere, the socket is closed, or it is not one of `node:dgram`.
 */
export function descriptorOf(socket: object): number | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  if (symbol === undefined) return undefined;
  const { handle } = (socket as unknown as Record<symbol, { handle?: { fd?: unknown } | null }>)[symbol] ?? {};
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}

/**
 * SO_MARK: policy routing tells our own datagrams, which must not enter the tunnel, from everything else by this mark.
 * @throws CodedError PERMISSION_DENIED without CAP_NET_ADMIN.
 */
export function markSocket(fd: number, mark: number): void {
  const errno = setOption(fd, SO_MARK, int32(mark));
  if (errno !== 0) throw systemError('cannot mark a socket (SO_MARK)', errno, undefined, needs('CAP_NET_ADMIN'));
}

/**
 * SO_BINDTODEVICE: sends and receives only on this interface.
 * @throws CodedError PERMISSION_DENIED, INTERFACE_NOT_FOUND.
 */
export function bindToInterface(fd: number, interfaceName: string): void {
  const errno = setOption(fd, SO_BINDTODEVICE, Buffer.from(`${interfaceName}\0`));
  if (errno !== 0)
    throw systemError(
      `cannot bind a socket to ${interfaceName} (SO_BINDTODEVICE)`,
      errno,
      interfaceName,
      needs('CAP_NET_RAW'),
    );
}

/** Buffers beyond the system's limit, as far as we may; without the right the limit stays. */
export function forceBufferSizes(fd: number, sizeBytes: number): void {
  setOption(fd, SO_RCVBUFFORCE, int32(sizeBytes));
  setOption(fd, SO_SNDBUFFORCE, int32(sizeBytes));
}
