import { BlockList } from 'node:net';
import { formatAddress, sameAddress, type TransportAddress } from '@wirepath/core/plugin';

type Scope = 'loopback' | 'link-local' | 'private' | 'global';

/** By scope; what is in none of them and not refused is global, documentation ranges included. */
const RANGES: readonly (readonly [Scope | 'refused', BlockList])[] = [
  ['loopback', blocks('127.0.0.0/8', '::1/128')],
  ['link-local', blocks('169.254.0.0/16', 'fe80::/10')],
  // RFC 1918, RFC 6598 (carriers), RFC 4193.
  ['private', blocks('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7')],
  // "This host", multicast, reserved: nobody can be reached there.
  ['refused', blocks('0.0.0.0/8', '224.0.0.0/3', '::/128', 'ff00::/8')],
];

/**
 * Says what is wrong with the address that a STUN server reports for a base, or names as its own other one. What a server
 * on the internet sees is an address of the internet: a private one is a lie, or of a box between that rewrites it. A
 * server in the same private network, or on this machine, may see such addresses.
 * @returns undefined for one that peers may be told.
 */
export function whyUnusable(address: TransportAddress | undefined, server: TransportAddress): string | undefined {
  if (address === undefined) return 'it answers without an address';
  const text = `it answers with ${formatAddress(address)}`;
  if (address.family !== server.family) return `${text}, of the other family`;
  if (address.port === 0) return `${text}, which has no port`;
  if (sameAddress(address, server)) return `${text}, its own address`;
  const scope = scopeOf(address);
  if (scope === 'refused') return `${text}, which is nobody's address`;
  if (scope !== 'global' && scope !== scopeOf(server)) return `${text}, a ${scope} address`;
  return undefined;
}

function scopeOf({ ip, family }: TransportAddress): Scope | 'refused' {
  const zone = ip.indexOf('%');
  const bare = zone === -1 ? ip : ip.slice(0, zone);
  return RANGES.find(([, list]) => list.check(bare, family === 4 ? 'ipv4' : 'ipv6'))?.[0] ?? 'global';
}

function blocks(...cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = '', prefix] = cidr.split('/');
    list.addSubnet(network, Number(prefix), network.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}
