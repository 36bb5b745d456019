import { isStunMessage } from '@wirepath/stun-codec';

/**
 * Whether a hostile datagram must show in status: all do that nobody has a use for.
 * @param genuine datagrams of the honest sides, as hex: one that is sent again may be as good as the first.
 */
export function isCounted({ ports }, genuine, { family, port }, bytes) {
  const node = ports[`${family} ${port}`];
  // A server answers most of what is STUN.
  if (isStunMessage(bytes)) return node !== undefined && !genuine.has(bytes.toString('hex'));
  // What may be a handshake, wireguard-go judges, and says nothing.
  return !node?.startsWith('proxied') || !isTyped(bytes);
}

/** As WireGuard's messages begin. */
export function isTyped(bytes) {
  return bytes[0] >= 1 && bytes[0] <= 4 && bytes.subarray(1, 4).every((byte) => byte === 0);
}
