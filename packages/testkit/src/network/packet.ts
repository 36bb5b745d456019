import type { TransportAddress } from '@wirepath/core';
import type { Link } from './link.js';

/** A UDP datagram on its way. */
export interface Packet {
  readonly source: TransportAddress;
  readonly destination: TransportAddress;
  readonly bytes: Uint8Array;
}

/** Something with an address on a segment: a host, or a router's outside. */
export interface Attachment {
  readonly link: Link;
  receive(packet: Packet): void;
}
