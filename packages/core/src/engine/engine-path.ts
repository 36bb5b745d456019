import { formatAddress, type TransportAddress } from '@wirepath/stun-codec';

/** Where a datagram leaves from or came in on: a socket's or allocation's id, and the other end's address. */
export interface EnginePath {
  readonly baseId: string;
  readonly remote: TransportAddress;
}

/** A socket, or an allocation (whose family is that of its relayed address). */
export interface LocalBase {
  readonly id: string;
  readonly family: 4 | 6;
  readonly kind: 'socket' | 'allocation';
}

/** For maps, and to compare; nobody takes it apart. */
export function pathKeyOf(path: EnginePath): string {
  return `${path.baseId}>${formatAddress(path.remote)}`;
}
