import { CodedError, type Logger } from '@wirepath/core/plugin';
import { socketDescriptor } from '@wirepath/linux';
import { bindToInterface, forceBufferSizes, markSocket } from '../sockets/socket-options.js';
import type { Sockets } from '../sockets/sockets.js';
import { SOCKET_BUFFER_BYTES } from '../sockets/udp-socket.js';

/**
 * Binds every socket, now and later, to the interface.
 * @throws CodedError INTERFACE_NOT_FOUND, NETWORK_CONFIG. Without the right to pin, the sockets stay as they are.
 */
export function pinSockets(sockets: Sockets, bindInterface: string, logger: Logger): void {
  sockets.forEachSocket((socket) => {
    const fd = socketDescriptor(socket);
    try {
      if (fd !== undefined) bindToInterface(fd, bindInterface);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'PERMISSION_DENIED') throw error;
      logger.warn('the sockets are not bound to the interface', { bindInterface, error: error.message });
    }
  });
}

/** Gives every socket, now and later, the mark that routing knows our datagrams by, and large buffers, as far as we may. */
export function markSockets(sockets: Sockets, mark: number, logger: Logger): void {
  sockets.forEachSocket((socket) => {
    const fd = socketDescriptor(socket);
    if (fd === undefined) return;
    forceBufferSizes(fd, SOCKET_BUFFER_BYTES);
    try {
      markSocket(fd, mark);
    } catch (error) {
      // The rules know our port too, so only extra sockets and strict setups depend on the mark.
      logger.warn('our datagrams are not marked', { error: (error as Error).message });
    }
  });
}
