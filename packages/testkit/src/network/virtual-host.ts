import type { Clock, TransportAddress } from '@wirepath/core';
import { Listeners } from '@wirepath/core/plugin';
import { knownAddress } from './known-address.js';
import type { Link } from './link.js';
import type { Attachment } from './carrier.js';
import type { Packet } from './packet.js';
import type { Segment } from './segment.js';

interface Interface extends Attachment {
  readonly segment: Segment;
  readonly ip: string;
  readonly family: 4 | 6;
}

/** A UDP socket, bound to every address of its family. */
export interface VirtualSocket {
  readonly family: 4 | 6;
  readonly port: number;
  /** @param from one of the host's addresses. @default the one that leads there */
  send(to: TransportAddress, bytes: Uint8Array, from?: string): void;
  close(): void;
}

const FIRST_EPHEMERAL_PORT = 49_152;
const socketKey = (family: 4 | 6, port: number, isOfStream: boolean) =>
  `${family}:${port}${isOfStream ? ' stream' : ''}`;

/** A machine with addresses on one or more segments. */
export class VirtualHost {
  readonly #interfaces: Interface[] = [];
  readonly #sockets = new Map<string, (packet: Packet) => void>();
  readonly #changes = new Listeners<void>();
  #nextPort = FIRST_EPHEMERAL_PORT;
  /** Since the start. */
  sentDatagrams = 0;

  constructor(readonly clock: Clock) {}

  attach(segment: Segment, ip: string, link: Link): void {
    const family = ip.includes(':') ? 6 : 4;
    const attached: Interface = { segment, ip, family, link, receive: (packet) => this.#receive(packet) };
    segment.attach(ip, attached);
    this.#interfaces.push(attached);
    this.#changes.tell();
  }

  detach(ip: string): void {
    const index = this.#interfaces.findIndex((one) => one.ip === ip);
    const [gone] = index < 0 ? [] : this.#interfaces.splice(index, 1);
    if (gone === undefined) return;
    gone.segment.detach(ip);
    this.#changes.tell();
  }

  /** It moved: from one network to another, or to another address on the same. */
  move(from: string, segment: Segment, to: string): void {
    const link = this.#interfaces.find((one) => one.ip === from)?.link;
    if (link === undefined) throw new Error(`${from} is no address of this host`);
    this.detach(from);
    this.attach(segment, to, link);
  }

  get ips(): readonly string[] {
    return this.#interfaces.map(({ ip }) => ip);
  }

  get links(): readonly Link[] {
    return this.#interfaces.map(({ link }) => link);
  }

  /** An address came or went. */
  onAddressChange(listener: () => void): Disposable {
    return this.#changes.add(listener);
  }

  /**
   * @param port 0: any that is free.
   * @param over a stream passes where UDP is blocked, and loses nothing: connections are not modelled beyond that.
   */
  bind(family: 4 | 6, port: number, onPacket: (packet: Packet) => void, over: 'udp' | 'stream' = 'udp'): VirtualSocket {
    const bound = port === 0 ? this.#freePort(family) : port;
    const key = socketKey(family, bound, over === 'stream');
    if (this.#sockets.has(key)) throw new Error(`port ${bound} is in use`);
    this.#sockets.set(key, onPacket);
    return {
      family,
      port: bound,
      send: (to, bytes, from) => {
        // A closed socket sends nothing.
        if (this.#sockets.get(key) === onPacket && to.family === family)
          this.#send(bound, to, bytes.slice(), from, over);
      },
      close: () => {
        if (this.#sockets.get(key) === onPacket) this.#sockets.delete(key);
      },
    };
  }

  #send(
    port: number,
    destination: TransportAddress,
    bytes: Uint8Array,
    from: string | undefined,
    over: 'udp' | 'stream',
  ): void {
    const via = this.#routeTo(destination);
    if (via === undefined) return;
    this.sentDatagrams += 1;
    const source = knownAddress(from ?? via.ip, port);
    const packet = { source, destination, bytes, ...(over === 'stream' && { isOfStream: true }) };
    if (via.ip === destination.ip) this.clock.setTimeout(() => this.#receive(packet), 0);
    else via.segment.send(packet, via.link);
  }

  /** Its own address, else the interface that has the destination on its segment, else the first of the family. */
  #routeTo({ ip, family }: TransportAddress): Interface | undefined {
    let route: Interface | undefined;
    let isNeighbour = false;
    for (const one of this.#interfaces) {
      if (one.family !== family) continue;
      if (one.ip === ip) return one;
      if (isNeighbour) continue;
      isNeighbour = one.segment.member(ip) !== undefined;
      if (isNeighbour || route === undefined) route = one;
    }
    return route;
  }

  #receive(packet: Packet): void {
    const { family, port } = packet.destination;
    this.#sockets.get(socketKey(family, port, packet.isOfStream === true))?.(packet);
  }

  #freePort(family: 4 | 6): number {
    while (this.#sockets.has(`${family}:${this.#nextPort}`)) this.#nextPort += 1;
    return this.#nextPort++;
  }
}
