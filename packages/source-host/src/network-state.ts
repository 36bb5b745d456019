import { CodedError, transportAddress, tryTransportAddress } from '@wirepath/core/plugin';
import type { NetworkInterfaceInfo } from 'node:os';
import { parseInet6Flags } from './inet6-flags.js';
import { linkKind, linkKindByName, type LinkKind } from './link-kind.js';
import type { Machine } from './machine.js';
import { parseIpv4Routes, parseIpv6Routes, type Route } from './routes.js';

/** An address that datagrams can be sent from, and what it is on. */
export interface LocalAddress {
  readonly interfaceName: string;
  readonly linkKind: LinkKind;
  readonly family: 4 | 6;
  readonly ip: string;
  /** An IPv6 privacy address (RFC 8981). */
  readonly temporary: boolean;
}

/** This machine's addresses and routes at one moment, without this node's own interface. */
export interface NetworkState {
  /** In the system's order. Loopback addresses are among them, tunnels' are not. */
  readonly addresses: readonly LocalAddress[];
  readonly routes: readonly Route[];
}

/** What belongs to this node's own tunnel: a candidate there would loop. */
export interface OwnTunnel {
  readonly interfaceName: string;
  /** CIDRs. */
  readonly addresses: readonly string[];
}

/** @throws CodedError NETWORK_CONFIG when the system does not list its interfaces. */
export function readNetworkState(machine: Machine, own: OwnTunnel): NetworkState {
  const ownIps = new Set(own.addresses.map(ipOfCidr));
  const inet6 = new Map(
    parseInet6Flags(machine.readText('/proc/net/if_inet6') ?? '').map((flags) => [
      `${flags.interfaceName} ${flags.ip}`,
      flags,
    ]),
  );
  const kinds = new Map<string, LinkKind>();
  const addresses: LocalAddress[] = [];
  for (const [label, infos] of Object.entries(listInterfaces(machine))) {
    // Linux lists an IPv4 address under its label, such as eth0:1, which is not a link.
    const interfaceName = machine.platform === 'linux' ? (label.split(':', 1)[0] ?? label) : label;
    if (interfaceName === own.interfaceName) continue;
    for (const info of infos ?? []) {
      const address = tryTransportAddress(info.address, 0);
      // The system's word is text from outside too: what is no address is not offered.
      if (address === undefined) continue;
      const { family, ip } = address;
      const flags = inet6.get(`${interfaceName} ${ip}`);
      if (ownIps.has(ip) || flags?.deprecated === true || flags?.unproven === true) continue;
      const kind = kinds.get(interfaceName) ?? kindOf(machine, interfaceName, info);
      kinds.set(interfaceName, kind);
      if (kind === 'tunnel') continue;
      if (kind === 'loopback' ? ip !== '127.0.0.1' && ip !== '::1' : !isScopeGlobal(ip, family)) continue;
      if (kind !== 'loopback' && flags?.scopeGlobal === false) continue;
      addresses.push({ interfaceName, linkKind: kind, family, ip, temporary: flags?.temporary ?? false });
    }
  }
  return { addresses: withoutNeedlessTaps(addresses), routes: readRoutes(machine, own.interfaceName) };
}

function readRoutes(machine: Machine, ownInterfaceName: string): Route[] {
  return [
    ...parseIpv4Routes(machine.readText('/proc/net/route') ?? '', machine.endianness),
    ...parseIpv6Routes(machine.readText('/proc/net/ipv6_route') ?? ''),
  ].filter((route) => route.interfaceName !== ownInterfaceName);
}

function listInterfaces(machine: Machine): NodeJS.Dict<NetworkInterfaceInfo[]> {
  try {
    return machine.interfaces();
  } catch (cause) {
    throw new CodedError('NETWORK_CONFIG', 'the system does not list its network interfaces', { cause });
  }
}

function kindOf(machine: Machine, interfaceName: string, info: NetworkInterfaceInfo): LinkKind {
  return info.internal ? 'loopback' : linkKind(machine, interfaceName);
}

/** A TAP is another mesh wherever there is a real link, and the only way out where there is none (rootless containers). */
function withoutNeedlessTaps(addresses: readonly LocalAddress[]): LocalAddress[] {
  const hasOther = addresses.some(({ linkKind: kind }) => kind === 'physical' || kind === 'virtual');
  return addresses.filter(({ linkKind: kind }) => kind !== 'tap' || !hasOther);
}

/**
 * What the kernel calls scope global: all but loopback, link-local, site-local, multicast and the unspecified. Private,
 * unique local and documentation addresses are ordinary addresses here.
 */
export function isScopeGlobal(ip: string, family: 4 | 6): boolean {
  if (family === 4) {
    const [first = 0, second = 0] = ip.split('.').map(Number);
    return first !== 0 && first !== 127 && first < 224 && !(first === 169 && second === 254);
  }
  const high = parseInt(ip.split(':', 1)[0] || '0', 16);
  const isLinkOrSiteLocal = (high & 0xff80) === 0xfe80;
  return high !== 0 && high < 0xff00 && !isLinkOrSiteLocal;
}

/** RFC 4193: reaches no further than the site, so it comes after what reaches the world. */
export function isUniqueLocal(ip: string): boolean {
  return /^f[cd]/.test(ip) && ip.includes(':');
}

function ipOfCidr(cidr: string): string {
  return transportAddress(cidr.split('/', 1)[0] ?? '', 0).ip;
}

/** True where the name says that the link leads to containers or virtual machines of this host. */
export function leadsToGuests(interfaceName: string): boolean {
  return linkKindByName(interfaceName) === 'virtual';
}
