import type { Machine } from './machine.js';

/**
 * - `physical`: hardware, or built on hardware (bond, VLAN, macvlan, a bridge with a NIC in it)
 * - `virtual`: leads to containers or virtual machines, or, seen from inside of one, to the world: ranked, never refused
 * - `tap`: a program's Ethernet; a mesh (ZeroTier), or the only way out of a rootless container
 * - `tunnel`: carries packets inside other packets: a path through it would be a tunnel in a tunnel
 */
export type LinkKind = 'physical' | 'virtual' | 'tap' | 'tunnel' | 'loopback';

const NAME_PREFIXES: readonly (readonly [LinkKind, readonly string[]])[] = [
  ['tunnel', ['wt', 'wg', 'zl-', 'utun', 'tun', 'nb', 'tailscale', 'zt', 'flannel', 'ipsec', 'xfrm']],
  ['tap', ['tap']],
  ['virtual', ['docker', 'br-', 'veth', 'virbr', 'cni', 'cali', 'cilium', 'vmnet', 'bridge', 'awdl', 'llw']],
];

/** The guess by name alone, for systems that tell nothing better. It misleads in containers. */
export function linkKindByName(name: string): LinkKind {
  if (/^lo\d*$/.test(name)) return 'loopback';
  const match = NAME_PREFIXES.find(([, prefixes]) => prefixes.some((prefix) => name.startsWith(prefix)));
  return match?.[0] ?? 'physical';
}

// linux/if_arp.h
const ARPHRD_LOOPBACK = 772;
const ARPHRD_NONE = 65534;
/** IPIP, IP6-in-IP6, GRE, GRE over IPv6. Not SIT (776), which is how many homes get their IPv6. */
const TUNNEL_TYPES = new Set([768, 769, 778, 823]);
const TUNNEL_DEVTYPES = new Set(['wireguard', 'vxlan', 'geneve', 'gre', 'gretap', 'ip6gre', 'ip6gretap', 'erspan']);

// linux/if_tun.h
const IFF_TUN = 0x1;
const IFF_TAP = 0x2;

/** A bond of VLANs of a bridge is three; more is a loop or an oddity. */
const MAX_LOWER_LINKS = 4;

/** What sysfs says of the link; by name where sysfs is not there, or shows another network namespace's links. */
export function linkKind(machine: Machine, name: string): LinkKind {
  return kindFromSysfs(machine, name, MAX_LOWER_LINKS) ?? linkKindByName(name);
}

function kindFromSysfs(machine: Machine, name: string, depth: number): LinkKind | undefined {
  // A name is one path component for the kernel too, but it comes from the network namespace's owner.
  if (machine.platform !== 'linux' || name.includes('/') || name === '..') return undefined;
  const folder = `/sys/class/net/${name}`;
  const type = Number(machine.readText(`${folder}/type`)?.trim() ?? NaN);
  if (Number.isNaN(type)) return undefined;
  if (type === ARPHRD_LOOPBACK) return 'loopback';
  if (TUNNEL_TYPES.has(type)) return 'tunnel';
  const tunFlags = Number(machine.readText(`${folder}/tun_flags`)?.trim() ?? 0);
  if ((tunFlags & IFF_TUN) !== 0) return 'tunnel';
  if ((tunFlags & IFF_TAP) !== 0) return 'tap';
  const deviceType = /^DEVTYPE=(.+)$/m.exec(machine.readText(`${folder}/uevent`) ?? '')?.[1];
  if (deviceType !== undefined && TUNNEL_DEVTYPES.has(deviceType)) return 'tunnel';
  const entries = machine.list(folder);
  if (entries.includes('device')) return 'physical';
  const onHardware = entries.some(
    (entry) =>
      entry.startsWith('lower_') &&
      depth > 0 &&
      kindFromSysfs(machine, entry.slice('lower_'.length), depth - 1) === 'physical',
  );
  if (onHardware) return 'physical';
  // No address family of its own and nothing that says what it is: an IPsec interface, or a container's L3 link.
  if (type === ARPHRD_NONE && deviceType === undefined && linkKindByName(name) === 'tunnel') return 'tunnel';
  return 'virtual';
}
