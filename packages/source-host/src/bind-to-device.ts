import { CodedError, deniedCapability } from '@wirepath/core/plugin';
import { NativeCodeError, pinToInterface, SystemCallError, type PinningSystem } from '@wirepath/linux';
import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket as StreamSocket } from 'node:net';

/**
 * Pins a socket that is bound (or connecting) to an interface: see {@link pinToInterface}.
 * @throws CodedError PERMISSION_DENIED, INTERFACE_NOT_FOUND, or NETWORK_CONFIG where the platform cannot pin or the
 * socket has no descriptor yet.
 */
export function bindToDevice(
  system: Partial<PinningSystem>,
  socket: DatagramSocket | StreamSocket,
  interfaceName: string,
): void {
  try {
    pinToInterface(socket, interfaceName, system);
  } catch (error) {
    throw error instanceof SystemCallError ? refusal(error, interfaceName) : unable(error, interfaceName);
  }
}

function refusal({ code }: SystemCallError, interfaceName: string): CodedError {
  const subject = interfaceName;
  switch (code) {
    case 'EPERM':
    case 'EACCES': {
      const { reason, advice } = deniedCapability('CAP_NET_RAW', code);
      const message = `not permitted to pin a socket to ${interfaceName}: ${reason}`;
      return new CodedError('PERMISSION_DENIED', message, { subject, advice });
    }
    case 'ENODEV':
    case 'ENXIO':
      return new CodedError('INTERFACE_NOT_FOUND', `there is no interface ${JSON.stringify(interfaceName)}`, {
        subject,
      });
    case 'EBADF':
      return new CodedError('NETWORK_CONFIG', 'only a socket that is open and bound can be pinned to an interface', {
        subject,
        advice: 'Bind the socket first.',
      });
    default:
      return new CodedError('NETWORK_CONFIG', `a socket could not be pinned to ${interfaceName}: ${code}`, { subject });
  }
}

function unable(error: unknown, subject: string): CodedError {
  if (error instanceof NativeCodeError && error.missing === 'system') {
    return new CodedError('NETWORK_CONFIG', error.message, {
      subject,
      advice: 'Go on unpinned, or run on Linux or macOS.',
    });
  }
  return new CodedError('NETWORK_CONFIG', 'the native library that pins sockets cannot be loaded', {
    subject,
    cause: error,
  });
}
