import { isStunMessage } from '@wirepath/stun-codec';

/**
 * Whether a hostile datagram must show in status. A node offers what looks like STUN or ChannelData, and everything on an
 * extra base that is not WireGuard, to its plugins, of which none says that it was not its own.
 */
export function isCounted({ ports }, { family, port }, bytes) {
  const socket = ports[`${family} ${port}`];
  if (socket === undefined) return true;
  return !socket.includes('extra base') && bytes[0] >> 6 !== 1 && !isStunMessage(bytes);
}
