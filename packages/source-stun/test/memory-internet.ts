import { FakeClock } from '@wirepath/core';
import {
  dependsOn,
  formatAddress,
  sameAddress,
  transportAddress,
  type Base,
  type Datagrams,
  type NatDependence,
  type ReceivedDatagram,
  type TransportAddress,
  type TransportPath,
} from '@wirepath/core/plugin';

/** Milliseconds each way. */
const LATENCY_MS = 10;

export interface Packet {
  readonly from: TransportAddress;
  readonly to: TransportAddress;
  readonly bytes: Uint8Array;
}

type Receiver = (packet: Packet) => void;

/** UDP in virtual time: whoever is attached to an address gets what is sent there, 10 ms later. */
export class MemoryInternet {
  /** All that was sent over it, in order. */
  readonly sent: (Packet & { readonly atMs: number })[] = [];
  /** Packets on their way, each of which is a timer of the clock. */
  inFlight = 0;
  /** Returning true loses a packet. */
  loses: (packet: Packet) => boolean = () => false;
  readonly #receivers = new Map<string, Receiver>();

  constructor(readonly clock = new FakeClock()) {}

  /** @param at an address, or an IP for all of its ports. */
  attach(at: TransportAddress | string, receiver: Receiver): void {
    this.#receivers.set(typeof at === 'string' ? at : formatAddress(at), receiver);
  }

  detach(at: TransportAddress): void {
    this.#receivers.delete(formatAddress(at));
  }

  send(packet: Packet, delayMs = LATENCY_MS): void {
    this.sent.push({ ...packet, atMs: this.clock.now() });
    if (this.loses(packet)) return;
    this.inFlight += 1;
    this.clock.setTimeout(() => {
      this.inFlight -= 1;
      const receiver = this.#receivers.get(formatAddress(packet.to)) ?? this.#receivers.get(packet.to.ip);
      receiver?.(packet);
    }, delayMs);
  }
}

export interface NatOptions {
  readonly mapping: NatDependence;
  readonly filtering: NatDependence;
  /** The first mapping of a socket keeps its port number. @default false */
  readonly keepsPorts?: boolean;
  /** Whoever the host has sent to may send to each of its ports, as a firewall with a list of addresses does. */
  readonly filtersByHost?: boolean;
  readonly publicIp?: string;
  readonly publicIp6?: string;
}

interface Mapping {
  readonly inside: TransportAddress;
  readonly outside: TransportAddress;
}

/** A NAT with the mapping and filtering of RFC 4787 that it is told to have. */
export class MemoryNat {
  readonly #mappings = new Map<string, Mapping>();
  readonly #contacts = new Set<string>();
  #publicIp: string;
  #nextPort = 20_000;

  constructor(
    readonly internet: MemoryInternet,
    readonly options: NatOptions,
    readonly receive: (inside: TransportAddress, packet: Packet) => void,
  ) {
    this.#publicIp = options.publicIp ?? '198.51.100.1';
    internet.attach(this.#publicIp, (packet) => this.#inbound(packet));
    internet.attach(options.publicIp6 ?? '2001:db8::1', (packet) => this.#inbound(packet));
  }

  outbound({ from, to, bytes }: Packet): void {
    const { mapping, keepsPorts = false } = this.options;
    const key = `${formatAddress(from)}>${dependsOn(mapping, to)}`;
    let entry = this.#mappings.get(key);
    if (entry === undefined) {
      const ip = from.family === 4 ? this.#publicIp : (this.options.publicIp6 ?? '2001:db8::1');
      const kept = transportAddress(ip, from.port);
      const isFree = ![...this.#mappings.values()].some(({ outside }) => sameAddress(outside, kept));
      const outside = keepsPorts && isFree ? kept : transportAddress(ip, this.#nextPort++);
      entry = { inside: from, outside };
      this.#mappings.set(key, entry);
    }
    for (const one of ['address-dependent', 'address-and-port-dependent'] as const)
      this.#contacts.add(`${this.#filterOf(from)}>${dependsOn(one, to)}`);
    this.internet.send({ from: entry.outside, to, bytes });
  }

  /** Forgets all mappings: other ports from now on, and perhaps another address. */
  rebind(publicIp = this.#publicIp): void {
    this.#mappings.clear();
    this.#publicIp = publicIp;
    this.internet.attach(publicIp, (packet) => this.#inbound(packet));
  }

  #inbound(packet: Packet): void {
    const entry = [...this.#mappings.values()].find(({ outside }) => sameAddress(outside, packet.to));
    if (entry === undefined) return;
    const { filtering } = this.options;
    const contact = `${this.#filterOf(entry.inside)}>${dependsOn(filtering, packet.from)}`;
    if (filtering !== 'endpoint-independent' && !this.#contacts.has(contact)) return;
    this.receive(entry.inside, { ...packet, to: entry.inside });
  }

  #filterOf(inside: TransportAddress): string {
    return this.options.filtersByHost ? inside.ip : formatAddress(inside);
  }
}

/** The transport's sockets on a host of the {@link MemoryInternet}, behind a NAT or not. */
export class MemoryDatagrams implements Datagrams {
  readonly #open = new Map<string, Base>();
  readonly #listeners = new Set<(datagram: ReceivedDatagram) => void>();
  /** All bases that were ever opened. */
  readonly opened: Base[] = [];
  /** Makes `openBase` fail. */
  refusesBases = false;
  readonly nat: MemoryNat | undefined;
  #nextId = 1;
  #nextPort = 40_000;

  constructor(
    readonly internet: MemoryInternet,
    options: { readonly nat?: NatOptions; readonly ip?: string; readonly families?: readonly (4 | 6)[] } = {},
  ) {
    this.ip = options.ip ?? (options.nat ? '10.0.0.2' : '198.51.100.2');
    const deliver = (inside: TransportAddress, packet: Packet) => this.#deliver(inside.port, packet);
    this.nat = options.nat && new MemoryNat(internet, options.nat, deliver);
    if (!this.nat)
      for (const ip of [this.ip, this.ip6]) internet.attach(ip, (packet) => this.#deliver(packet.to.port, packet));
    for (const family of options.families ?? [4]) this.#openBase(family, 51_820, true);
  }

  readonly ip: string;
  readonly ip6 = '2001:db8::2';

  get bases(): readonly Base[] {
    return [...this.#open.values()];
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** The shared socket of IPv4. */
  get base(): Base {
    const base = this.bases.find(({ shared, family }) => shared && family === 4);
    if (base === undefined) throw new Error('no IPv4 here');
    return base;
  }

  async openBase(family: 4 | 6, { signal }: { signal: AbortSignal }): Promise<Base> {
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    if (this.refusesBases) throw new Error('EMFILE');
    return this.#openBase(family, this.#nextPort++, false);
  }

  closeBase(base: Base): void {
    this.#open.delete(base.id);
  }

  send(path: TransportPath, bytes: Uint8Array): void {
    if (path.kind !== 'socket' || !this.#open.has(path.base.id)) return;
    const from = transportAddress(path.base.family === 4 ? this.ip : this.ip6, path.base.port);
    const packet = { from, to: path.remote, bytes: Uint8Array.from(bytes) };
    if (this.nat) this.nat.outbound(packet);
    else this.internet.send(packet);
  }

  onDatagram(listener: (datagram: ReceivedDatagram) => void): Disposable {
    const entry = (datagram: ReceivedDatagram) => listener(datagram);
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  receive(path: TransportPath, bytes: Uint8Array): void {
    for (const listener of [...this.#listeners]) listener({ path, bytes });
  }

  #openBase(family: 4 | 6, port: number, shared: boolean): Base {
    const base: Base = { id: `udp${family}-${this.#nextId++}`, family, port, shared };
    this.#open.set(base.id, base);
    this.opened.push(base);
    return base;
  }

  #deliver(port: number, { from, bytes }: Packet): void {
    const base = this.bases.find((one) => one.port === port && one.family === from.family);
    if (base) this.receive({ kind: 'socket', base, remote: from }, bytes);
  }
}
