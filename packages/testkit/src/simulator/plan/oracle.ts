import type { ConnectionType, NatDependence, TransportAddress } from '@wirepath/core';
import { INTERNET, NODE_PORT, type Topology, type TopologyHost, type TopologyRouter } from './topology.js';

/** What each node must end with; undefined: no path exists. */
export type Verdict = readonly [ConnectionType | undefined, ConnectionType | undefined];

/** An address whose port is a name: which number a NAT picks makes no difference to what is possible. */
interface SymbolicAddress {
  readonly ip: string;
  readonly port: string;
}

interface Arrival {
  readonly host: TopologyHost;
  readonly port: string;
  /** The source as the receiver sees it. */
  readonly source: SymbolicAddress;
}

/** A NAT that never forgets (RFC 4787). */
interface SymbolicNat {
  /** Outside port by inside address and what the mapping depends on. */
  readonly mappings: Map<string, string>;
  readonly inner: Map<string, SymbolicAddress>;
  /** What the filter lets in, by outside port. */
  readonly permitted: Map<string, Set<string>>;
  /** Who came in by a port that is forwarded is answered from it: the outside port by inside and remote address. */
  readonly answered: Map<string, string>;
}

interface Side {
  readonly host: TopologyHost;
  /** Candidates that it tells: host and server-reflexive ones, by their text. */
  readonly candidates: Map<string, { readonly address: SymbolicAddress; readonly type: 'host' | 'reflexive' }>;
  /** Sources of checks that it has seen, by their text. */
  readonly seen: Map<string, SymbolicAddress>;
  /** Remote addresses that have answered, from where they were asked. */
  readonly proven: Set<string>;
}

/**
 * Between two NATs with dependent mappings and open filters, every answer comes from yet another port, for ever; what is
 * possible is so with the first few.
 */
const MAX_SEEN = 12;

/**
 * Says of a topology what the two nodes must end with, by RFC 4787 alone: datagrams are walked through NATs whose ports
 * are symbols; each side sends to all that it has been told and all that it has heard from, until nothing new happens.
 * It shares no code with the virtual network, knows no time, and nothing of the engine.
 */
export class Oracle {
  readonly #topology: Topology;
  readonly #nats = new Map<TopologyRouter, SymbolicNat>();
  #ports = 0;

  constructor(topology: Topology) {
    this.#topology = topology;
    for (const router of topology.routers)
      this.#nats.set(router, { mappings: new Map(), inner: new Map(), permitted: new Map(), answered: new Map() });
  }

  verdict(): Verdict {
    const [a, b] = this.#topology.nodes.map((name) => this.#side(name));
    if (a === undefined || b === undefined) throw new Error('a topology has two nodes');
    for (let before = -1; before !== this.#knowledge(a, b);) {
      before = this.#knowledge(a, b);
      this.#probe(a, b);
      this.#probe(b, a);
    }
    return [this.#best(a, b), this.#best(b, a)];
  }

  #side(name: string): Side {
    const host = this.#topology.hosts.find((one) => one.name === name);
    if (host === undefined) throw new Error(`no host is named ${name}`);
    const candidates: Side['candidates'] = new Map();
    for (const server of this.#topology.stunServers) {
      const seen = this.#send(host, { ip: server.ip, port: String(server.port) });
      if (seen !== undefined) candidates.set(text(seen.source), { address: seen.source, type: 'reflexive' });
    }
    const gateway = this.#topology.routers.find(({ inside }) => inside === host.segment);
    const inside = host.ips.find((ip) => !isIpv6(ip));
    if (gateway?.gatewayIp !== undefined && inside !== undefined) {
      const address = { ip: gateway.ip, port: forwardedPort(inside) };
      candidates.set(text(address), { address, type: 'reflexive' });
      this.#nat(gateway).inner.set(address.port, { ip: inside, port: String(NODE_PORT) });
    }
    for (const ip of host.ips) {
      const address = { ip, port: String(NODE_PORT) };
      candidates.set(text(address), { address, type: 'host' });
    }
    return { host, candidates, seen: new Map(), proven: new Set() };
  }

  /** One round of checks from one side, each answered where it arrives. */
  #probe(from: Side, to: Side): void {
    const told = [...to.candidates].map(([key, { address }]) => [key, address] as const);
    for (const [target, address] of new Map([...told, ...from.seen])) {
      // A candidate that is our own address leads to ourselves.
      if (from.candidates.has(target)) continue;
      const arrival = this.#send(from.host, address);
      if (arrival?.host !== to.host || arrival.port !== String(NODE_PORT)) continue;
      if (to.seen.size < MAX_SEEN) to.seen.set(text(arrival.source), arrival.source);
      const answer = this.#send(to.host, arrival.source);
      if (answer?.host === from.host && text(answer.source) === target) from.proven.add(target);
    }
  }

  #best(own: Side, other: Side): ConnectionType | undefined {
    const proven = [...own.proven];
    if (proven.some((address) => other.candidates.get(address)?.type === 'host')) return 'direct';
    if (proven.length > 0) return 'hole-punched';
    return this.#canRelay(own, other) || this.#canRelay(other, own) ? 'relayed' : undefined;
  }

  /** `a` has an allocation that `b` reaches: from its socket, or from an allocation of its own. */
  #canRelay(a: Side, b: Side): boolean {
    return this.#relaysOf(a).some(
      (relay) => this.#allocates(a, relay) && (this.#reaches(b, relay) || this.#allocatesAny(b)),
    );
  }

  #allocatesAny(side: Side): boolean {
    return this.#relaysOf(side).some((relay) => this.#allocates(side, relay));
  }

  /** A stream gets through wherever it is to. */
  #allocates(side: Side, relay: TransportAddress): boolean {
    return this.#topology.relaysByStream || this.#reaches(side, relay);
  }

  #reaches({ host }: Side, { ip, port }: TransportAddress): boolean {
    return this.#send(host, { ip, port: String(port) }) !== undefined;
  }

  #relaysOf({ host }: Side): readonly TransportAddress[] {
    return this.#topology.relaysOf[host.name === this.#topology.nodes[0] ? 0 : 1];
  }

  #knowledge(a: Side, b: Side): number {
    let size = a.seen.size + b.seen.size + a.proven.size + b.proven.size;
    for (const { mappings, permitted, answered } of this.#nats.values()) {
      size += mappings.size + answered.size;
      for (const each of permitted.values()) size += each.size;
    }
    return size;
  }

  // --- A datagram's way ---

  #send(host: TopologyHost, to: SymbolicAddress): Arrival | undefined {
    const ip = host.ips.find((own) => isIpv6(own) === isIpv6(to.ip));
    return ip === undefined ? undefined : this.#onSegment(host.segment, { ip, port: String(NODE_PORT) }, to);
  }

  #onSegment(segment: string, source: SymbolicAddress, to: SymbolicAddress): Arrival | undefined {
    const host = this.#topology.hosts.find((one) => one.segment === segment && one.ips.includes(to.ip));
    if (host !== undefined) return { host, port: to.port, source };
    const router = this.#topology.routers.find((one) => one.outside === segment && this.#answersTo(one, to.ip));
    if (router !== undefined) return this.#inward(router, source, to);
    const uplink = this.#topology.routers.find((one) => one.inside === segment);
    return uplink === undefined || segment === INTERNET ? undefined : this.#outward(uplink, source, to);
  }

  /** Its own address, or one of IPv6 somewhere inside of it. */
  #answersTo(router: TopologyRouter, ip: string): boolean {
    if (!isIpv6(ip)) return router.ip === ip;
    const isInside = this.#topology.hosts.some((host) => host.segment === router.inside && host.ips.includes(ip));
    return isInside || this.#topology.routers.some((one) => one.outside === router.inside && this.#answersTo(one, ip));
  }

  #outward(router: TopologyRouter, source: SymbolicAddress, to: SymbolicAddress): Arrival | undefined {
    if (!router.passesUdp) return undefined;
    const translated = this.#translate(router, source, to);
    if (to.ip !== router.ip) return this.#onSegment(router.outside, translated, to);
    return router.nat.hairpinning === true ? this.#inward(router, translated, to) : undefined;
  }

  #translate(router: TopologyRouter, source: SymbolicAddress, to: SymbolicAddress): SymbolicAddress {
    const nat = this.#nat(router);
    const translates = !isIpv6(to.ip);
    const answered = nat.answered.get(`${text(source)} ${text(to)}`);
    if (answered !== undefined) return { ip: router.ip, port: answered };
    const key = translates ? `${text(source)} ${dependsOn(router.nat.mapping, to)}` : text(source);
    const outside = translates ? (nat.mappings.get(key) ?? this.#newPort()) : text(source);
    nat.mappings.set(key, outside);
    nat.inner.set(outside, source);
    const filtering = translates ? router.nat.filtering : router.ipv6Filtering;
    const permitted = nat.permitted.get(outside) ?? new Set();
    nat.permitted.set(outside, permitted.add(filtering === 'open' ? '' : dependsOn(filtering, to)));
    return translates ? { ip: router.ip, port: outside } : source;
  }

  #inward(router: TopologyRouter, source: SymbolicAddress, to: SymbolicAddress): Arrival | undefined {
    if (!router.passesUdp) return undefined;
    const nat = this.#nat(router);
    const translates = !isIpv6(to.ip);
    const filtering = translates ? router.nat.filtering : router.ipv6Filtering;
    if (filtering === 'open') return this.#onSegment(router.inside, source, to);
    const outside = translates ? to.port : text(to);
    const inner = nat.inner.get(outside);
    if (inner !== undefined && outside.startsWith(FORWARDED)) {
      nat.answered.set(`${text(inner)} ${text(source)}`, outside);
      return this.#onSegment(router.inside, source, inner);
    }
    if (inner === undefined || nat.permitted.get(outside)?.has(dependsOn(filtering, source)) !== true) return undefined;
    return this.#onSegment(router.inside, source, inner);
  }

  #newPort(): string {
    this.#ports += 1;
    return `port${this.#ports}`;
  }

  #nat(router: TopologyRouter): SymbolicNat {
    const nat = this.#nats.get(router);
    if (nat === undefined) throw new Error('a router that is not of this topology');
    return nat;
  }
}

function dependsOn(dependence: NatDependence, { ip, port }: SymbolicAddress): string {
  if (dependence === 'endpoint-independent') return '';
  return dependence === 'address-dependent' ? ip : text({ ip, port });
}

/** A port that a gateway forwards, by the address inside. */
const FORWARDED = 'forwarded ';
const forwardedPort = (ip: string) => FORWARDED + ip;
const isIpv6 = (ip: string) => ip.includes(':');
const text = ({ ip, port }: SymbolicAddress) => `${ip}|${port}`;
