import type { TransportAddress } from '@wirepath/stun-codec';
import type { Base } from './candidate-base.js';
import type { TransportPath } from './path.js';

export interface ReceivedDatagram {
  /** Where it came from; an answer goes back the same way. */
  readonly path: TransportPath;
  /** Valid only during the call: copy what you keep. */
  readonly bytes: Uint8Array;
}

/**
 * @returns true where the datagram was for this listener, whether or not it was any good (what was wrong with it, the
 * listener counts itself); nothing, or false, leaves it to the others.
 */
export type DatagramListener = (datagram: ReceivedDatagram) => boolean | void;

/**
 * The transport's own UDP sockets, shared with STUN, connectivity checks and TURN: the address that a STUN server sees
 * is the address that WireGuard sends from (DESIGN: "One socket").
 */
export interface Datagrams {
  /** At least one, at most one shared base per family; complete once {@link Transport.listen} has resolved. */
  readonly bases: readonly Base[];
  openBase(family: 4 | 6, options: { signal: AbortSignal }): Promise<Base>;
  closeBase(base: Base): void;
  /** Never throws: a datagram that cannot be sent is dropped and counted, as on any network. */
  send(path: TransportPath, bytes: Uint8Array): void;
  /**
   * Every datagram that is not WireGuard's: STUN from anyone, ChannelData, and on bases that are not shared all others.
   * Listeners are called in turn until one takes it; what none takes is dropped and counted.
   */
  onDatagram(listener: DatagramListener): Disposable;
  /** A request of ours was answered on this path, authenticated: what is sent to there as it was sent arrives. */
  confirmed?(path: TransportPath): void;
  /** A relay hands in what it unwrapped; it is treated as if it had come in on a socket, from `path`. */
  receive(path: TransportPath, bytes: Uint8Array): void;
}

/** Convenience for plugins that talk to a server: the plain path from a base to an address. */
export function socketPath(base: Base, remote: TransportAddress): TransportPath {
  return { kind: 'socket', base, remote };
}
