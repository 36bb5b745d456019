import type { Base, TransportAddress, TransportPath } from '@wirepath/core/plugin';
import type { SocketAddress } from '@wirepath/linux';

/** One of this machine's addresses. */
export interface SourceAddress {
  readonly ip: string;
  readonly interfaceName: string;
}

/** A socket at one of them. */
export interface Source {
  /** Undefined for the one at the wildcard address. */
  readonly address: SourceAddress | undefined;
  readonly isOpen: boolean;
  /** Never throws. The bytes of the packet memory stay as they are until they are flushed. */
  send(offset: number, sizeBytes: number, to: SocketAddress): void;
}

const SOURCE = Symbol('source');

interface SourcedPath {
  readonly [SOURCE]?: Source;
}

/**
 * The path of a datagram that came in. To everybody else it is one from the base to the remote address; the sockets see on it at
 * which of this machine's addresses it came in, too.
 */
export function pathFromSource(base: Base, remote: TransportAddress, source: Source | undefined): TransportPath {
  if (source === undefined) return Object.freeze({ kind: 'socket', base, remote });
  return Object.freeze({ kind: 'socket', base, remote, [SOURCE]: source });
}

/** The socket at the address that was asked; undefined where it was the wildcard's, or nobody asked. */
export function sourceOf(path: TransportPath): Source | undefined {
  return (path as SourcedPath)[SOURCE];
}
