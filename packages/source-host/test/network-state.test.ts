import { describe, expect, it } from 'vitest';
import { isScopeGlobal, readNetworkState } from '../src/network-state.js';
import { fakeMachine, LOOPBACK, SYSFS, type FakeMachine } from './fake-machine.js';

const OWN = { interfaceName: 'wp0', addresses: ['10.77.0.1/24', 'fd77:0::1/64'] };

const ipsOf = (fake: FakeMachine) => readNetworkState(fakeMachine(fake), OWN).addresses.map(({ ip }) => ip);

describe('regression: "global" is the kernel\'s scope, never the registry of special addresses', () => {
  it.each([
    '203.0.113.7',
    '198.51.100.7',
    '192.0.2.7',
    '198.18.0.1',
    '100.64.0.7',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '2001:db8::7',
    'fd00::2',
    '2002:c000:204::1',
    '64:ff9b::1',
  ])('%s is an ordinary address', (ip) => {
    expect(isScopeGlobal(ip, ip.includes(':') ? 6 : 4)).toBe(true);
    expect(ipsOf({ links: { eth0: { addresses: [`${ip}/24`], sysfs: SYSFS.nic } } })).toEqual([ip]);
  });

  it.each([
    '169.254.10.1',
    '127.0.0.5',
    '0.0.0.0',
    '224.0.0.1',
    'fe80::1',
    'febf::1',
    'fec0::1',
    '::1',
    '::',
    'ff02::1',
  ])('%s is not', (ip) => {
    expect(isScopeGlobal(ip, ip.includes(':') ? 6 : 4)).toBe(false);
    expect(ipsOf({ links: { eth0: { addresses: [`${ip}/24`], sysfs: SYSFS.nic } } })).toEqual([]);
  });
});

describe('addresses that are refused', () => {
  it('our own interface, by its exact name', () => {
    const address = { addresses: ['192.0.2.1/24'], sysfs: SYSFS.nic };
    expect(ipsOf({ links: { wp0: address } })).toEqual([]);
    expect(ipsOf({ links: { wp01: address } })).toEqual(['192.0.2.1']);
  });

  it('our own tunnel addresses on any interface, in whatever notation', () => {
    const addresses = ['10.77.0.1/32', 'fd77::1/128', '10.77.0.2/32'];
    expect(ipsOf({ links: { eth0: { addresses, sysfs: SYSFS.nic } } })).toEqual(['10.77.0.2']);
  });

  it('tunnels and other meshes', () => {
    const links = {
      tailscale0: { addresses: ['100.101.102.103/32'], sysfs: SYSFS.tun },
      home: { addresses: ['10.9.0.1/24'], sysfs: SYSFS.wireguard },
      eth0: { addresses: ['192.0.2.2/24'], sysfs: SYSFS.nic },
    };
    expect(ipsOf({ links })).toEqual(['192.0.2.2']);
  });

  it('all of the loopback but 127.0.0.1 and ::1, which the rules may let in', () => {
    const lo = { ...LOOPBACK, addresses: ['127.0.0.1/8', '127.0.0.53/8', '203.0.113.9/32', '::1/128'] };
    expect(readNetworkState(fakeMachine({ links: { lo } }), OWN).addresses).toMatchObject([
      { ip: '127.0.0.1', linkKind: 'loopback' },
      { ip: '::1', linkKind: 'loopback' },
    ]);
  });

  it('a TAP beside a real link, but not a TAP that is the only way out', () => {
    const tap0 = { addresses: ['10.0.2.100/24'], sysfs: SYSFS.tap };
    const eth0 = { addresses: ['192.0.2.2/24'], sysfs: SYSFS.nic };
    expect(ipsOf({ links: { lo: LOOPBACK, tap0 } })).toContain('10.0.2.100');
    expect(ipsOf({ links: { lo: LOOPBACK, tap0, eth0 } })).not.toContain('10.0.2.100');
  });
});

describe('what /proc/net/if_inet6 adds on Linux', () => {
  const addresses = ['2001:db8::1/64', '2001:db8::2/64', '2001:db8::3/64', '2001:db8::4/64', '2001:db8::5/64'];
  const inet6 = ['80', '01', '20', 'c0', '88']
    .map((flags, index) => `20010db800000000000000000000000${index + 1} 02 40 00 ${flags}     eth0`)
    .join('\n');

  it('keeps stable and privacy addresses; drops deprecated, tentative and duplicate ones', () => {
    const state = readNetworkState(fakeMachine({ links: { eth0: { addresses, sysfs: SYSFS.nic } }, inet6 }), OWN);
    expect(state.addresses.map(({ ip, temporary }) => [ip, temporary])).toEqual([
      ['2001:db8::1', false],
      ['2001:db8::2', true],
    ]);
  });

  it('flags of an address on one interface say nothing of another interface', () => {
    const links = { eth1: { addresses: ['2001:db8::3/64'], sysfs: SYSFS.nic } };
    expect(ipsOf({ links, inet6 })).toEqual(['2001:db8::3']);
  });
});

it('an address with a label of its own belongs to the link', () => {
  const links = { eth0: { sysfs: SYSFS.nic }, 'eth0:1': { addresses: ['192.0.2.3/24'] } };
  expect(readNetworkState(fakeMachine({ links }), OWN).addresses).toMatchObject([
    { interfaceName: 'eth0', linkKind: 'physical', ip: '192.0.2.3' },
  ]);
});

it('routes over our own interface are left out', () => {
  const ipv4Routes = 'wp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0';
  expect(readNetworkState(fakeMachine({ links: {}, ipv4Routes }), OWN).routes).toEqual([]);
});

it('a system that does not list its interfaces is an error with its cause', () => {
  const cause = new Error('EACCES');
  const machine = {
    ...fakeMachine({ links: {} }),
    interfaces: () => {
      throw cause;
    },
  };
  expect(() => readNetworkState(machine, OWN)).toThrow(expect.objectContaining({ code: 'NETWORK_CONFIG', cause }));
});
