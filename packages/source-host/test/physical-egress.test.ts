import type { PhysicalEgress } from '@wirepath/core/plugin';
import { describe, expect, it } from 'vitest';
import { readNetworkState } from '../src/network-state.js';
import { selectPhysicalEgress } from '../src/physical-egress.js';
import { fakeMachine, ipv4Default, ipv6Default, LOOPBACK, SYSFS, type FakeMachine } from './fake-machine.js';

const GATEWAY_V6 = '20010db8000000000000000000000001';
const GATEWAY_V4 = '010200C0';

const lo = LOOPBACK;
const eth0 = { addresses: ['192.0.2.2/24', '2001:db8::2/64', 'fe80::2/64'], sysfs: SYSFS.nic };
const wlan0 = { addresses: ['192.168.1.5/24'], sysfs: SYSFS.wifi };
const wt0 = { addresses: ['100.90.1.2/16'], sysfs: SYSFS.wireguard };
const tun0 = { addresses: ['10.8.0.6/24', 'fd08::6/64'], sysfs: SYSFS.tun };
const docker0 = { addresses: ['172.17.0.1/16'], sysfs: SYSFS.bridge };
const onlyV4 = { addresses: ['10.0.0.2/24'], sysfs: SYSFS.nic };
const onlyV6 = { addresses: ['2001:db8:1::2/64'], sysfs: SYSFS.nic };

const brief = ({ interfaceName, family, ip, metric, evidence }: PhysicalEgress) =>
  `${interfaceName} v${family} ${ip} ${metric ?? '-'} ${evidence}`;

const cases: readonly [string, FakeMachine, readonly string[]][] = [
  [
    'one NIC, both families',
    {
      links: { lo, eth0 },
      ipv4Routes: ipv4Default('eth0', GATEWAY_V4, 100),
      ipv6Routes: ipv6Default('eth0', GATEWAY_V6, 1024),
    },
    ['eth0 v4 192.0.2.2 100 route', 'eth0 v6 2001:db8::2 1024 route'],
  ],
  [
    'regression: a mesh owns the default route with a lower metric',
    {
      links: { lo, wt0, eth0 },
      ipv4Routes: [ipv4Default('wt0', '00000000', 5, '0001'), ipv4Default('eth0', GATEWAY_V4, 100)].join('\n'),
    },
    ['eth0 v4 192.0.2.2 100 route'],
  ],
  [
    'a VPN has replaced the only default route',
    { links: { lo, tun0, eth0: onlyV4 }, ipv4Routes: ipv4Default('tun0', '0100080A', 0) },
    ['eth0 v4 10.0.0.2 - interface'],
  ],
  [
    "a VPN has replaced IPv4's default route and left IPv6's",
    {
      links: { lo, tun0, eth0 },
      ipv4Routes: ipv4Default('tun0', '0100080A', 0),
      ipv6Routes: ipv6Default('eth0', GATEWAY_V6, 1024),
    },
    ['eth0 v4 192.0.2.2 - interface', 'eth0 v6 2001:db8::2 1024 route'],
  ],
  [
    'two NICs, by metric, whatever the order of the table',
    {
      links: { lo, wlan0, eth0 },
      ipv4Routes: [ipv4Default('wlan0', '0101A8C0', 600), ipv4Default('eth0', GATEWAY_V4, 100)].join('\n'),
    },
    ['eth0 v4 192.0.2.2 100 route', 'wlan0 v4 192.168.1.5 600 route'],
  ],
  [
    'metrics of the two families do not compare',
    {
      links: { lo, wlan0, eth0: onlyV6 },
      ipv4Routes: ipv4Default('wlan0', '0101A8C0', 600),
      ipv6Routes: ipv6Default('eth0', GATEWAY_V6, 100),
    },
    ['wlan0 v4 192.168.1.5 600 route', 'eth0 v6 2001:db8:1::2 100 route'],
  ],
  [
    'IPv6 only',
    { links: { lo, eth0: onlyV6 }, ipv4Routes: '', ipv6Routes: ipv6Default('eth0', GATEWAY_V6, 1024) },
    ['eth0 v6 2001:db8:1::2 1024 route'],
  ],
  [
    'addresses of IPv6, but a default route of IPv4 alone',
    { links: { lo, eth0 }, ipv4Routes: ipv4Default('eth0', GATEWAY_V4, 100) },
    ['eth0 v4 192.0.2.2 100 route'],
  ],
  [
    'point to point: a default route without a gateway',
    {
      links: { lo, ppp0: { addresses: ['203.0.113.5/32'], sysfs: { type: '512', uevent: 'DEVTYPE=ppp\n' } } },
      ipv4Routes: ipv4Default('ppp0', '00000000', 0, '0001'),
    },
    ['ppp0 v4 203.0.113.5 0 route'],
  ],
  [
    'regression: a container, whose only egress is a veth without a device, whatever its name',
    {
      links: { lo, veth0: { addresses: ['172.17.0.2/16'], sysfs: SYSFS.veth } },
      ipv4Routes: ipv4Default('veth0', '010011AC', 0),
    },
    ['veth0 v4 172.17.0.2 0 route'],
  ],
  [
    'a default route whose interface has no address of its own',
    {
      links: { lo, eth0: { addresses: ['fe80::2/64'], sysfs: SYSFS.nic }, wlan0 },
      ipv4Routes: [ipv4Default('eth0', GATEWAY_V4, 100), ipv4Default('wlan0', '0101A8C0', 600)].join('\n'),
    },
    ['wlan0 v4 192.168.1.5 600 route'],
  ],
  [
    'two default routes over one interface',
    {
      links: { lo, eth0 },
      ipv4Routes: [ipv4Default('eth0', GATEWAY_V4, 200), ipv4Default('eth0', '020200C0', 100)].join('\n'),
    },
    ['eth0 v4 192.0.2.2 100 route'],
  ],
  [
    'no default route: hardware that is up, and no containers',
    { links: { lo, docker0, eth0, wlan0 }, ipv4Routes: '' },
    ['eth0 v4 192.0.2.2 - interface', 'eth0 v6 2001:db8::2 - interface', 'wlan0 v4 192.168.1.5 - interface'],
  ],
  [
    'no default route in a container',
    { links: { lo, eth0: { addresses: ['10.1.0.2/24'], sysfs: SYSFS.veth } } },
    ['eth0 v4 10.1.0.2 - interface'],
  ],
  [
    'no routing table at all (macOS)',
    { platform: 'darwin', links: { lo0: lo, utun0: tun0, en0: onlyV4 } },
    ['en0 v4 10.0.0.2 - interface'],
  ],
  ['only links to containers', { links: { lo, docker0 } }, []],
  ['only a mesh', { links: { lo, wt0 }, ipv4Routes: ipv4Default('wt0', '00000000', 5, '0001') }, []],
  ['nothing', { links: { lo } }, []],
];

describe('physical egress', () => {
  it.each(cases)('%s', (_what, fake, expected) => {
    const state = readNetworkState(fakeMachine(fake), { interfaceName: 'wp0', addresses: ['10.77.0.1/24'] });
    expect(selectPhysicalEgress(state).map(brief)).toEqual(expected);
  });

  it('our own interface never is one, though it owns the default route', () => {
    const fake: FakeMachine = {
      links: { lo, wp0: { addresses: ['10.77.0.1/24'], sysfs: SYSFS.veth }, eth0: onlyV4 },
      ipv4Routes: [ipv4Default('wp0', '00000000', 0, '0001'), ipv4Default('eth0', GATEWAY_V4, 100)].join('\n'),
    };
    const state = readNetworkState(fakeMachine(fake), { interfaceName: 'wp0', addresses: ['10.77.0.1/24'] });
    expect(selectPhysicalEgress(state).map(brief)).toEqual(['eth0 v4 10.0.0.2 100 route']);
  });

  it('names the gateway of its default route', () => {
    const fake: FakeMachine = {
      links: { lo, eth0 },
      ipv4Routes: ipv4Default('eth0', GATEWAY_V4, 100),
      ipv6Routes: ipv6Default('eth0', GATEWAY_V6, 1024),
    };
    const state = readNetworkState(fakeMachine(fake), { interfaceName: 'wp0', addresses: ['10.77.0.1/24'] });
    expect(selectPhysicalEgress(state).map(({ gateway }) => gateway)).toEqual(['192.0.2.1', '2001:db8::1']);
  });
});
