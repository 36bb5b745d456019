import type { Base, TransportAddress } from '@wirepath/core/plugin';

export interface ConnectionEvents {
  /** One whole message, valid only during the call. @returns whether it was for this session. */
  received(message: Uint8Array): boolean;
  /** It is over, though nobody here has closed it: once, and last. */
  lost(reason: string): void;
}

/** What carries the messages of one TURN session to its server and back (RFC 8656, section 2.1). */
export interface RelayConnection {
  readonly server: TransportAddress;
  /** Both ends: the server knows an allocation by them. */
  readonly tuple: string;
  /** The socket that the transport sends ChannelData from by itself; undefined where it has to be handed to {@link sendData}. */
  readonly base: Base | undefined;
  /** What is sent arrives, or the connection is lost: nothing is sent twice (RFC 8489, section 6.2.2). */
  readonly reliable: boolean;
  /** Called once, before anything is sent. */
  listen(events: ConnectionEvents): void;
  /** A request. */
  send(message: Uint8Array): void;
  /** A datagram for a peer, wrapped; may be dropped, as on any network. */
  sendData(message: Uint8Array): void;
  /** Idempotent. */
  close(): void;
}
