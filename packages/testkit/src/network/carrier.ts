import type { Link } from './link.js';
import type { Packet } from './packet.js';

/** Something with an address on a segment: a host, or a router's outside. */
export interface Attachment {
  readonly link: Link;
  receive(packet: Packet): void;
}

/** Brings datagrams from link to link, in time. */
export interface Carrier {
  carry(packet: Packet, from: Link, to: Attachment): void;
  drop(reason: string): void;
}
