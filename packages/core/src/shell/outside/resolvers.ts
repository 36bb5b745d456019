import { BlockList } from 'node:net';
import { formatAddress, transportAddress, type TransportAddress } from '@wirepath/stun-codec';
import { isLoopback } from '../../base/addresses/address-scope.js';
import { parseCidr } from '../../base/addresses/cidr.js';
import { parseResolverConfig, parseServer, type ResolverConfig } from '../../base/names/resolv-conf.js';
import type { NameSystem } from './name-system.js';

const RESOLV_CONF = '/etc/resolv.conf';
/** Where the servers behind a stub on loopback stand: systemd-resolved, NetworkManager with dnsmasq, Debian's dnsmasq. */
const BEHIND_STUBS = [
  '/run/systemd/resolve/resolv.conf',
  '/run/NetworkManager/no-stub-resolv.conf',
  '/run/dnsmasq/resolv.conf',
];
const FILE_MAX_BYTES = 65_536;

/** Whom to ask for names. Read anew for each look-up: DHCP and VPNs change the files. */
export interface Resolvers {
  readonly config: ResolverConfig;
  /** Asked first: none of them is on this machine or inside of our tunnel. */
  readonly outside: readonly TransportAddress[];
  /**
   * Asked where those are none, silent, or know nothing: a stub on loopback, whose own questions nothing keeps out of the tunnel, and
   * servers in the networks of our own interface, which answer only through it.
   */
  readonly others: readonly TransportAddress[];
}

/** @param ownNetworks CIDRs of our interface. */
export async function findResolvers(system: NameSystem, ownNetworks: readonly string[]): Promise<Resolvers> {
  const text = await system.readText(RESOLV_CONF, FILE_MAX_BYTES);
  const config = parseResolverConfig(text ?? '');
  const named = text === undefined ? system.servers().flatMap((server) => parseServer(server) ?? []) : config.servers;
  // As resolv.conf(5) has it: where none is named, it is the one on this machine.
  const configured = named.length > 0 ? named : [transportAddress('127.0.0.1', 53)];
  const isInside = insideOf(ownNetworks);
  const outside = configured.filter((server) => !isInside(server));
  const others = configured.filter(isInside);
  if (outside.length === 0 && others.some(({ ip }) => isLoopback(ip))) {
    for (const path of BEHIND_STUBS) {
      const { servers } = parseResolverConfig((await system.readText(path, FILE_MAX_BYTES)) ?? '');
      outside.push(...servers.filter((server) => !isInside(server)));
      if (outside.length > 0) break;
    }
  }
  return { config, outside: unique(outside), others: unique(others) };
}

function insideOf(networks: readonly string[]): (server: TransportAddress) => boolean {
  const list = new BlockList();
  for (const text of networks) {
    const cidr = parseCidr(text);
    if (cidr === undefined) continue;
    list.addSubnet(cidr.network.split('/')[0] ?? '', cidr.prefix, cidr.family === 4 ? 'ipv4' : 'ipv6');
  }
  return ({ ip, family }) => isLoopback(ip) || list.check(ip.replace(/%.*$/, ''), family === 4 ? 'ipv4' : 'ipv6');
}

function unique(servers: readonly TransportAddress[]): TransportAddress[] {
  return [...new Map(servers.map((server) => [formatAddress(server), server])).values()];
}
