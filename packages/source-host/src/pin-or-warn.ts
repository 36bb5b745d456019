import { CodedError, type Egress, type Logger } from '@wirepath/core/plugin';
import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket as StreamSocket } from 'node:net';

/**
 * Pins a probe socket, and goes on unpinned with a warning where that fails: an unpinned socket still works on most
 * machines, and is better than none.
 * @returns whether it is pinned.
 */
export function pinOrWarn(
  egress: Pick<Egress, 'bindToDevice'>,
  socket: DatagramSocket | StreamSocket,
  interfaceName: string,
  logger: Pick<Logger, 'warn'>,
): boolean {
  try {
    egress.bindToDevice(socket, interfaceName);
    return true;
  } catch (error) {
    const fields =
      error instanceof CodedError
        ? { code: error.code, reason: error.message, advice: error.advice }
        : { reason: String(error) };
    logger.warn('socket not pinned to the physical egress; going on unpinned', { interface: interfaceName, ...fields });
    return false;
  }
}
