import type { Clock, NatDependence, TransportAddress } from '@wirepath/core';
import { knownAddress } from './known-address.js';
import { Link, type LinkSettings } from './link.js';
import type { NatSettings } from './nat-settings.js';
import { NatTable } from './nat-table.js';
import type { Attachment, Carrier } from './carrier.js';
import type { Packet } from './packet.js';
import type { Segment, Uplink } from './segment.js';
import type { SeededRandom } from '../random.js';

export interface RouterSettings extends LinkSettings {
  readonly inside: Segment;
  /** @default the internet */
  readonly outside?: Segment;
  /** Its own IPv4 address outside. */
  readonly ip: string;
  readonly nat: NatSettings;
  /** IPv6 is not translated; this is whom its firewall lets in, after something went out. `open`: anybody, always. @default 'address-and-port-dependent' */
  readonly ipv6Filtering?: NatDependence | 'open';
  /** Asked for every datagram; true drops it. */
  readonly blocks?: (packet: Packet, direction: 'in' | 'out') => boolean;
}

/** The network that it is part of. */
interface RouterNeeds extends Pick<Carrier, 'drop'> {
  readonly clock: Clock;
  readonly random: SeededRandom;
}

/** What a datagram that turns round in the router takes. */
const TURN_ROUND_MS = 0.1;

/** Joins a LAN to another segment: network address translation for IPv4, a stateful firewall for IPv6. */
export class NatRouter implements Attachment, Uplink {
  readonly link: Link;
  readonly #settings: RouterSettings & { readonly outside: Segment };
  readonly #network: RouterNeeds;
  readonly #nat: NatTable;
  /** The same table with the inside port kept and nothing translated is a firewall. */
  readonly #ipv6 = new Map<string, NatTable>();
  #ip: string;
  blocks: NonNullable<RouterSettings['blocks']>;
  /** Whatever else it knows of its mappings is gone too. */
  onRebind: () => void = () => undefined;

  constructor(settings: RouterSettings & { readonly outside: Segment }, network: RouterNeeds) {
    this.#settings = settings;
    this.#network = network;
    this.#ip = settings.ip;
    this.link = new Link(settings, network.random);
    this.#nat = new NatTable(settings.nat, network.random);
    this.blocks = settings.blocks ?? (() => false);
    settings.outside.attach(settings.ip, this);
    settings.inside.uplink = this;
    for (const ip of settings.inside.ips) if (ip.includes(':')) this.announce(ip);
  }

  get ip(): string {
    return this.#ip;
  }

  get nat(): NatSettings {
    return this.#settings.nat;
  }

  announce(ip: string): void {
    this.#settings.outside.attach(ip, this);
  }

  withdraw(ip: string): void {
    this.#settings.outside.detach(ip);
    this.#ipv6.delete(ip);
  }

  /** Whoever asks inside may have a port outside: see {@link VirtualGateway}. @returns whether it could be had. */
  forward(outerPort: number, inner: TransportAddress): boolean {
    return this.#nat.forward(outerPort, inner, this.#network.clock.now());
  }

  stopForwarding(outerPort: number): void {
    this.#nat.stopForwarding(outerPort);
  }

  /** It forgot every mapping, and makes new ones on other ports. */
  rebind(): void {
    this.#nat.rebind();
    this.#ipv6.clear();
    this.onRebind();
  }

  /** Its provider gave it another address; every mapping is gone with the old one. */
  changeAddress(ip: string): void {
    this.#settings.outside.detach(this.#ip);
    this.#ip = ip;
    this.#settings.outside.attach(ip, this);
    this.rebind();
  }

  outbound(packet: Packet): void {
    if (this.blocks(packet, 'out')) return this.#network.drop('firewall');
    const nowMs = this.#network.clock.now();
    const { source, destination } = packet;
    if (source.family === 6) {
      this.#firewall(source.ip).outbound(source, destination, nowMs);
      return this.#settings.outside.send(packet, this.link);
    }
    const hairpin = destination.ip === this.#ip;
    if (hairpin && this.nat.hairpinning !== true) return this.#network.drop('no-hairpinning');
    const port = this.#nat.outbound(source, destination, nowMs);
    if (port === undefined) return this.#network.drop('no-port');
    const translated = { ...packet, source: knownAddress(this.#ip, port) };
    if (hairpin) this.#network.clock.setTimeout(() => this.#inside(translated), TURN_ROUND_MS);
    else this.#settings.outside.send(translated, this.link);
  }

  receive(packet: Packet): void {
    if (this.blocks(packet, 'in')) this.#network.drop('firewall');
    else this.#inside(packet);
  }

  #inside(packet: Packet): void {
    const { source, destination } = packet;
    const nowMs = this.#network.clock.now();
    if (destination.family === 6) {
      const open = this.#settings.ipv6Filtering === 'open';
      const to = open ? destination : this.#firewall(destination.ip).inbound(destination.port, source, nowMs);
      return typeof to === 'string' ? this.#network.drop(to) : this.#hand(packet);
    }
    const to = this.#nat.inbound(destination.port, source, nowMs);
    if (typeof to === 'string') this.#network.drop(to);
    else this.#hand({ ...packet, destination: to });
  }

  #hand(packet: Packet): void {
    const member = this.#settings.inside.member(packet.destination.ip);
    if (member?.link.delayMs(packet) === undefined) this.#network.drop('lost');
    else member.receive(packet);
  }

  #firewall(ip: string): NatTable {
    const known = this.#ipv6.get(ip);
    if (known !== undefined) return known;
    const { ipv6Filtering = 'address-and-port-dependent' } = this.#settings;
    const filtering = ipv6Filtering === 'open' ? 'endpoint-independent' : ipv6Filtering;
    const table = new NatTable({ mapping: 'endpoint-independent', filtering, ports: 'preserve' }, this.#network.random);
    this.#ipv6.set(ip, table);
    return table;
  }
}
