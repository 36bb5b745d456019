import type { Clock } from '@wirepath/core';
import { VirtualRelayServer } from '../network/virtual-relay-server.js';
import type { NatRouter } from '../network/nat-router.js';
import type { Segment } from '../network/segment.js';
import { VirtualGateway } from '../network/virtual-gateway.js';
import { VirtualStunServer } from '../network/virtual-stun-server.js';
import type { VirtualHost } from '../network/virtual-host.js';
import { VirtualNetwork } from '../network/virtual-network.js';
import { INTERNET, type Topology } from './plan/topology.js';

export interface BuiltNetwork {
  readonly network: VirtualNetwork;
  /** By name. */
  readonly hosts: ReadonlyMap<string, VirtualHost>;
  /** In the topology's order. */
  readonly routers: readonly NatRouter[];
  readonly segments: ReadonlyMap<string, Segment>;
  readonly relays: readonly VirtualRelayServer[];
}

/** Makes a topology into a virtual network, servers running. */
export function buildNetwork(topology: Topology, clock: Clock, seed: number): BuiltNetwork {
  const network = new VirtualNetwork({ clock, seed });
  const segments = new Map<string, Segment>([[INTERNET, network.internet]]);
  const segment = (name: string): Segment => {
    const known = segments.get(name) ?? network.lan(name);
    segments.set(name, known);
    return known;
  };
  const routers = topology.routers.map(({ inside, outside, passesUdp, link, gatewayIp: _gatewayIp, ...settings }) =>
    network.router({
      ...settings,
      ...link,
      inside: segment(inside),
      outside: segment(outside),
      blocks: ({ isOfStream }) => !passesUdp && isOfStream !== true,
    }),
  );
  for (const [index, { inside, gatewayIp: ip }] of topology.routers.entries()) {
    const router = routers[index];
    if (ip === undefined || router === undefined) continue;
    const { random } = network;
    new VirtualGateway({ router, inside: segment(inside), ip, clock, random, protocols: ['nat-pmp'] });
  }
  const hosts = new Map(
    topology.hosts.map(({ name, segment: on, ips, link }) => [name, network.host({ on: segment(on), ips, ...link })]),
  );
  const hostOf = (ip: string): VirtualHost => {
    const host = [...hosts.values()].find(({ ips }) => ips.includes(ip));
    if (host === undefined) throw new Error(`no host has ${ip}`);
    return host;
  };
  for (const address of topology.stunServers) new VirtualStunServer(hostOf(address.ip), address);
  const relays = topology.relays.map((address) => new VirtualRelayServer(hostOf(address.ip), address, clock));
  return { network, hosts, routers, segments, relays };
}
