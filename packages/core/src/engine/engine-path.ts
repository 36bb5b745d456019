import type { TransportAddress } from '@wirepath/stun-codec';
import { baseIdOf, pathKeyFrom, type TransportPath } from '../contracts/path.js';

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
  /** It will be closed once nothing uses it: an allocation that another takes the place of. */
  readonly isRetiring?: boolean;
}

/** A path of the transport's, as the engine sees it. */
export function enginePathOf(path: TransportPath): EnginePath {
  return { baseId: baseIdOf(path), remote: path.remote };
}

/** As `pathKey` of the transport's path that it is. */
export function pathKeyOf(path: EnginePath): string {
  return pathKeyFrom(path.baseId, path.remote);
}
