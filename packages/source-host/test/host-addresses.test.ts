import { describe, expect, it } from 'vitest';
import { selectHostAddresses, type HostAddressRules } from '../src/host-addresses.js';
import { readNetworkState } from '../src/network-state.js';
import { fakeMachine, ipv4Default, LOOPBACK, SYSFS, type FakeMachine } from './fake-machine.js';

const RULES: HostAddressRules = { loopback: false, maxCandidates: 16 };

const select = (fake: FakeMachine, rules: Partial<HostAddressRules> = {}) =>
  selectHostAddresses(readNetworkState(fakeMachine(fake), { interfaceName: 'wp0', addresses: ['10.77.0.1/24'] }), {
    ...RULES,
    ...rules,
  }).map(({ ip }) => ip);

const laptop: FakeMachine = {
  links: {
    lo: LOOPBACK,
    docker0: { addresses: ['172.17.0.1/16', 'fd17::1/64'], sysfs: SYSFS.bridge },
    eth1: { addresses: ['10.5.0.2/24'], sysfs: SYSFS.nic },
    wlan0: { addresses: ['192.168.1.5/24', '2001:db8:2::5/64'], sysfs: SYSFS.wifi },
    eth0: { addresses: ['192.0.2.2/24', 'fd00::2/64', '2001:db8::2/64', 'fe80::2/64'], sysfs: SYSFS.nic },
    wg0: { addresses: ['10.9.0.1/24'], sysfs: SYSFS.wireguard },
    wp0: { addresses: ['10.77.0.1/24'], sysfs: SYSFS.tun },
  },
  ipv4Routes: [ipv4Default('eth0', '010200C0', 100), ipv4Default('wlan0', '0101A8C0', 600)].join('\n'),
};

describe('host addresses', () => {
  it('regression: every interface and both families, not one of each', () => {
    expect(select(laptop)).toEqual([
      // The egress: IPv6, IPv4, unique local IPv6.
      '2001:db8::2',
      '192.0.2.2',
      'fd00::2',
      // The second way out.
      '2001:db8:2::5',
      '192.168.1.5',
      // Other hardware.
      '10.5.0.2',
      // Virtual links.
      '172.17.0.1',
      'fd17::1',
    ]);
  });

  it.each<[string, Partial<HostAddressRules>, readonly string[]]>([
    ['only what is included', { include: ['wlan0'] }, ['2001:db8:2::5', '192.168.1.5']],
    ['by glob', { include: ['eth*'] }, ['2001:db8::2', '192.0.2.2', 'fd00::2', '10.5.0.2']],
    ['by glob for one character', { include: ['eth?'], exclude: ['eth0'] }, ['10.5.0.2']],
    ['a dot is a dot', { include: ['eth.'] }, []],
    ['nothing of a name that only begins so', { include: ['eth'] }, []],
    ['but for what is excluded', { exclude: ['docker*', 'wlan0', 'eth1'] }, ['2001:db8::2', '192.0.2.2', 'fd00::2']],
    ['never a tunnel, though included', { include: ['wg0', 'wp0'] }, []],
    ['never the loopback, though included', { include: ['lo'] }, []],
    ['the loopback when asked for', { include: ['lo'], loopback: true }, ['::1', '127.0.0.1']],
  ])('%s', (_what, rules, expected) => {
    expect(select(laptop, rules)).toEqual(expected);
  });

  it('the loopback comes last', () => {
    expect(select(laptop, { loopback: true }).slice(-2)).toEqual(['::1', '127.0.0.1']);
  });

  it('privacy addresses come before stable ones, and both are offered', () => {
    const fake: FakeMachine = {
      links: { eth0: { addresses: ['2001:db8::1/64', '2001:db8::2/64', '192.0.2.2/24'], sysfs: SYSFS.nic } },
      inet6: '20010db8000000000000000000000001 02 40 00 80 eth0\n20010db8000000000000000000000002 02 40 00 01 eth0\n',
    };
    expect(select(fake)).toEqual(['2001:db8::2', '2001:db8::1', '192.0.2.2']);
  });

  it('an address on two links is offered once, with the better rank', () => {
    const fake: FakeMachine = {
      links: {
        docker0: { addresses: ['192.0.2.2/24', '172.17.0.1/16'], sysfs: SYSFS.bridge },
        eth0: { addresses: ['192.0.2.2/24'], sysfs: SYSFS.nic },
      },
    };
    expect(select(fake)).toEqual(['192.0.2.2', '172.17.0.1']);
  });
});

describe('the bound on candidates', () => {
  const crowded: FakeMachine = {
    links: {
      eth0: {
        addresses: [...Array.from({ length: 40 }, (_, n) => `2001:db8::${(n + 1).toString(16)}/64`), '192.0.2.2/24'],
        sysfs: SYSFS.nic,
      },
      eth1: { addresses: ['10.5.0.2/24'], sysfs: SYSFS.nic },
    },
    ipv4Routes: ipv4Default('eth0', '010200C0', 100),
  };

  it('holds, and no link or family is crowded out', () => {
    const ips = select(crowded);
    expect(ips).toHaveLength(16);
    expect(ips.slice(0, 2)).toEqual(['2001:db8::1', '2001:db8::2']);
    expect(ips.slice(-2)).toEqual(['192.0.2.2', '10.5.0.2']);
  });

  it('keeps the best where there is room for few', () => {
    expect(select(crowded, { maxCandidates: 2 })).toEqual(['2001:db8::1', '192.0.2.2']);
    expect(select(crowded, { maxCandidates: 1 })).toEqual(['2001:db8::1']);
  });
});
