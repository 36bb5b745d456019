import type { NetworkInterfaceInfo } from 'node:os';
import type { Machine } from '../src/machine.js';

export interface FakeLink {
  /** CIDRs, as `ip address` shows them. */
  readonly addresses?: readonly string[];
  /** Files under /sys/class/net/NAME; a folder's or a link's name with an empty text. */
  readonly sysfs?: Readonly<Record<string, string>>;
  readonly internal?: boolean;
}

export interface FakeMachine {
  platform?: NodeJS.Platform;
  links: Readonly<Record<string, FakeLink>>;
  /** Texts of /proc/net/route, /proc/net/ipv6_route, /proc/net/if_inet6. */
  ipv4Routes?: string;
  ipv6Routes?: string;
  inet6?: string;
}

const ETHERNET = { type: '1' };

/** What sysfs shows of links of each kind, as a kernel wrote it. */
export const SYSFS = {
  nic: { ...ETHERNET, device: '', uevent: 'INTERFACE=eth0\nIFINDEX=2\n' },
  wifi: { ...ETHERNET, device: '', uevent: 'DEVTYPE=wlan\nINTERFACE=wlan0\nIFINDEX=3\n' },
  veth: { ...ETHERNET, uevent: 'INTERFACE=va\nIFINDEX=3\n' },
  bridge: { ...ETHERNET, uevent: 'DEVTYPE=bridge\nINTERFACE=br0\nIFINDEX=5\n', bridge: '' },
  tun: { type: '65534', tun_flags: '0x1801', uevent: 'INTERFACE=tun7\nIFINDEX=4\n' },
  tap: { ...ETHERNET, tun_flags: '0x1802', uevent: 'INTERFACE=tap0\nIFINDEX=4\n' },
  wireguard: { type: '65534', uevent: 'DEVTYPE=wireguard\nINTERFACE=home\nIFINDEX=4\n' },
  loopback: { type: '772', uevent: 'INTERFACE=lo\nIFINDEX=1\n' },
} as const;

/** A loopback as every Linux machine has it. */
export const LOOPBACK: FakeLink = { addresses: ['127.0.0.1/8', '::1/128'], sysfs: SYSFS.loopback, internal: true };

/** A machine of texts. What a test changes in `fake` afterwards shows at the next reading. */
export function fakeMachine(fake: FakeMachine): Machine {
  const procfs = (path: string) =>
    new Map([
      ['/proc/net/route', fake.ipv4Routes],
      ['/proc/net/ipv6_route', fake.ipv6Routes],
      ['/proc/net/if_inet6', fake.inet6],
    ]).get(path);
  const sysfs = (path: string) => /^\/sys\/class\/net\/([^/]+)(?:\/(.+))?$/.exec(path);
  return {
    platform: fake.platform ?? 'linux',
    endianness: 'LE',
    interfaces: () =>
      Object.fromEntries(
        Object.entries(fake.links).map(([name, { addresses = [], internal = false }]) => [
          name,
          addresses.map((cidr) => interfaceInfo(cidr, internal)),
        ]),
      ),
    readText(path) {
      const [, link, file] = sysfs(path) ?? [];
      return link === undefined || file === undefined ? procfs(path) : fake.links[link]?.sysfs?.[file];
    },
    list: (folder) => Object.keys(fake.links[sysfs(folder)?.[1] ?? '']?.sysfs ?? {}),
  };
}

function interfaceInfo(cidr: string, internal: boolean): NetworkInterfaceInfo {
  const address = cidr.split('/')[0]!;
  const shared = { address, netmask: '', mac: '02:00:00:00:00:01', internal, cidr };
  return address.includes(':') ? { ...shared, family: 'IPv6', scopeid: 0 } : { ...shared, family: 'IPv4' };
}

/** One line of /proc/net/route for a default route. */
export function ipv4Default(interfaceName: string, gatewayWord: string, metric: number, flags = '0003'): string {
  return `${interfaceName}\t00000000\t${gatewayWord}\t${flags}\t0\t0\t${metric}\t00000000\t0\t0\t0`;
}

/** One line of /proc/net/ipv6_route for a default route. */
export function ipv6Default(interfaceName: string, gateway: string, metric: number, flags = '00000003'): string {
  const zero = '0'.repeat(32);
  const metricHex = metric.toString(16).padStart(8, '0');
  return `${zero} 00 ${zero} 00 ${gateway} ${metricHex} 00000001 00000000 ${flags} ${interfaceName.padStart(8)}`;
}
