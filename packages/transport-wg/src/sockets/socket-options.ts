import { deniedCapability, type Capability } from '@wirepath/core/plugin';
import * as linux from '@wirepath/linux';
import { refusedCall } from '../system/refused-call.js';

const needs = (capability: Capability) => (code: string) => deniedCapability(capability, code);

/**
 * Policy routing tells our own datagrams, which must not enter the tunnel, from everything else by this mark.
 * @throws CodedError PERMISSION_DENIED without CAP_NET_ADMIN.
 */
export function markSocket(fd: number, mark: number): void {
  try {
    linux.markSocket(fd, mark);
  } catch (error) {
    throw refusedCall(error, undefined, needs('CAP_NET_ADMIN'));
  }
}

/**
 * The socket sends and receives only on this interface.
 * @throws CodedError PERMISSION_DENIED, INTERFACE_NOT_FOUND.
 */
export function bindToInterface(fd: number, interfaceName: string): void {
  try {
    linux.bindToInterface(fd, interfaceName);
  } catch (error) {
    throw refusedCall(error, interfaceName, needs('CAP_NET_RAW'));
  }
}

/**
 * IPv4 datagrams go without DF, whatever ICMP says of the path.
 * @throws CodedError NETWORK_CONFIG where the kernel does not know the option.
 */
export function letRoutersFragment(fd: number): void {
  try {
    linux.letRoutersFragment(fd);
  } catch (error) {
    throw refusedCall(error, undefined, needs('CAP_NET_ADMIN'));
  }
}

/**
 * Buffers beyond the system's limit, as far as we may.
 * @throws CodedError NETWORK_CONFIG where no system call can be made.
 */
export function forceBufferSizes(fd: number, sizeBytes: number): void {
  try {
    linux.forceBufferSizes(fd, sizeBytes);
  } catch (error) {
    throw refusedCall(error, undefined, needs('CAP_NET_ADMIN'));
  }
}
