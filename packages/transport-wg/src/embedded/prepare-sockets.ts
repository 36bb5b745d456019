import { CodedError, type Logger } from '@wirepath/core/plugin';
import { bindToInterface, forceBufferSizes } from '../sockets/socket-options.js';
import { prepareSocket } from '../sockets/prepare-socket.js';
import type { Sockets } from '../sockets/sockets.js';
import { SOCKET_BUFFER_BYTES } from '../sockets/udp-socket.js';

/**
 * Binds every socket, now and later, to the interface.
 * @throws CodedError INTERFACE_NOT_FOUND, NETWORK_CONFIG. Without the right to pin, the sockets stay as they are.
 */
export function pinSockets(sockets: Sockets, bindInterface: string, logger: Logger): void {
  sockets.forEachSocket(({ descriptor: fd }) => {
    try {
      if (fd !== undefined) bindToInterface(fd, bindInterface);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'PERMISSION_DENIED') throw error;
      logger.warn('the sockets are not bound to the interface', { bindInterface, error: error.message });
    }
  });
}

/** Prepares every socket, now and later, for sending beside a device of ours: see {@link prepareSocket}. */
export function prepareSockets(sockets: Sockets, mark: number, logger: Logger): void {
  sockets.forEachSocket(({ descriptor: fd }, { family }) => {
    if (fd === undefined) return;
    forceBufferSizes(fd, SOCKET_BUFFER_BYTES);
    prepareSocket({ fd, family }, mark, logger);
  });
}
