import type { Link } from './link.js';
import type { Attachment, Carrier } from './carrier.js';
import type { Packet } from './packet.js';

/** A router, as the segment inside of it sees it. */
export interface Uplink {
  outbound(packet: Packet): void;
  /** An address inside that needs no translation has to be known outside. */
  announce(ip: string): void;
  withdraw(ip: string): void;
}

/** A network without routers in it: the internet, or a LAN behind a router. */
export class Segment {
  readonly #members = new Map<string, Attachment>();
  /** The router that leads out of here. */
  uplink: Uplink | undefined;

  constructor(
    readonly name: string,
    readonly carrier: Carrier,
  ) {}

  attach(ip: string, attachment: Attachment): void {
    if (this.#members.has(ip)) throw new Error(`${ip} is taken on ${this.name}`);
    this.#members.set(ip, attachment);
    if (ip.includes(':')) this.uplink?.announce(ip);
  }

  detach(ip: string): void {
    this.#members.delete(ip);
    if (ip.includes(':')) this.uplink?.withdraw(ip);
  }

  member(ip: string): Attachment | undefined {
    return this.#members.get(ip);
  }

  get ips(): readonly string[] {
    return [...this.#members.keys()];
  }

  /** From one of its members, over that member's link. */
  send(packet: Packet, from: Link): void {
    const neighbour = this.#members.get(packet.destination.ip);
    if (neighbour !== undefined) this.carrier.carry(packet, from, neighbour);
    else if (this.uplink === undefined) this.carrier.drop('no-route');
    else if (from.delayMs(packet) === undefined) this.carrier.drop('lost');
    else this.uplink.outbound(packet);
  }
}
