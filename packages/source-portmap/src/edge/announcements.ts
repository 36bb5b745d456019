import { reasonOf, tryTransportAddress, type Guard, type Logger } from '@wirepath/core/plugin';
import { createSocket } from 'node:dgram';

/** RFC 6886 3.2.1 and RFC 6887 14.1.3: where gateways say that they have been started anew. */
const GROUP = '224.0.0.1';
const CLIENT_PORT = 5350;

export interface AnnouncementNeeds {
  readonly logger: Pick<Logger, 'debug'>;
  readonly guard: Pick<Guard, 'wrap'>;
}

/** Calls back with what the gateway, or whoever forges its address, says to all of its link: a hint to ask it, no more. */
export type ListenToAnnouncements = (
  at: { readonly clientIp: string; readonly gatewayIp: string },
  needs: AnnouncementNeeds,
  onAnnouncement: () => void,
) => Disposable;

export const listenToAnnouncements: ListenToAnnouncements = ({ clientIp, gatewayIp }, { logger, guard }, onHint) => {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  let isOpen = true;
  const close = () => {
    if (isOpen) socket.close();
    isOpen = false;
  };
  socket.on('error', (error) => {
    // It is asked every minute anyway.
    logger.debug('announcements of the gateway are not heard', { reason: reasonOf(error) });
    close();
  });
  socket.on(
    'message',
    guard.wrap('an announcement', (_bytes: Uint8Array, { address }: { address: string }) => {
      if (tryTransportAddress(address, 0)?.ip === gatewayIp) onHint();
    }),
  );
  socket.bind(
    CLIENT_PORT,
    GROUP,
    guard.wrap('announcements', () => {
      if (isOpen) socket.addMembership(GROUP, clientIp);
    }),
  );
  socket.unref();
  return { [Symbol.dispose]: close };
};
