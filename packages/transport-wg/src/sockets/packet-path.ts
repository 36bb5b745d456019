import { baseIdOf, sameAddress, type TransportAddress, type TransportPath } from '@wirepath/core/plugin';
import type { SocketAddress } from '@wirepath/linux';
import type { Source } from './path-source.js';

/** A socket of ours as a path uses it. */
export interface PathSocket {
  /** Never throws. Queued until the next flush. @param path leads to `to`, from this socket. */
  send(offset: number, sizeBytes: number, to: SocketAddress, path: PacketPath): void;
  /** As `send`, to whoever asked: nothing is remembered of him. */
  reply(offset: number, sizeBytes: number, to: SocketAddress, path: PacketPath): void;
  /** What came in on this path is authentic. */
  authenticated(path: PacketPath): void;
  /** What was sent as this came in arrives, and was answered. */
  confirmed(path: PacketPath): void;
}

/** Whose datagrams come in on a path, and by what it is sent to. */
export type Carrier =
  /** From a socket straight to `to`. */
  | { readonly kind: 'socket'; readonly socket: PathSocket; readonly to: SocketAddress }
  /** ChannelData (RFC 8656, section 12.4) to a relay, whose path is `server`. */
  | { readonly kind: 'channel'; readonly server: PacketPath; readonly channel: number }
  | { readonly kind: 'stream'; send(bytes: Uint8Array): void }
  /** Its socket is closed. */
  | { readonly kind: 'closed' };

/** Whose the channels of a relay are. */
export interface Channels {
  learn(channel: number, path: PacketPath, nowMs: number): void;
  find(channel: number, nowMs: number): PacketPath | undefined;
}

/** A path as packets take it: everything has been looked up, and nothing is for each. */
export class PacketPath {
  #path: TransportPath | (() => TransportPath);
  readonly carrier: Carrier;
  /** The socket at the address of ours that it came in at, where it is one of several. */
  readonly source: Source | undefined;
  /** Of what comes in from a relay on this path. */
  channels: Channels | undefined;
  /** Its destination was told. */
  isAnnounced = false;
  /** From where it is sent now; good for as long as `chosenIn` is the socket's version. */
  chosen: Source | undefined;
  chosenIn = -1;
  /** When it was last told that what comes in is authentic, and in which version that was. */
  heardAtMs = -Infinity;
  heardIn = -1;

  /** @param path or what makes it, where it may never be asked for: most that a flood comes from are not. */
  constructor(path: TransportPath | (() => TransportPath), carrier: Carrier, source?: Source) {
    this.#path = path;
    this.carrier = carrier;
    this.source = source;
  }

  get path(): TransportPath {
    if (typeof this.#path === 'function') this.#path = this.#path();
    return this.#path;
  }

  get remote(): TransportAddress {
    return this.path.remote;
  }
}

/** Whether what is sent on one reaches where the other leads. */
export function samePacketPath(a: PacketPath, b: PacketPath): boolean {
  return a === b || (baseIdOf(a.path) === baseIdOf(b.path) && sameAddress(a.remote, b.remote));
}
