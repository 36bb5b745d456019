import { describe, expect, it } from 'vitest';
import { linkKind, linkKindByName, type LinkKind } from '../src/link-kind.js';
import { fakeMachine, SYSFS, type FakeLink } from './fake-machine.js';

describe('the kind of a link, as sysfs tells it', () => {
  const links: Record<string, FakeLink> = {
    lo: { sysfs: SYSFS.loopback },
    eth0: { sysfs: SYSFS.nic },
    wlan0: { sysfs: SYSFS.wifi },
    bond0: { sysfs: { type: '1', uevent: 'DEVTYPE=bond\n', lower_eth0: '' } },
    'bond0.5': { sysfs: { type: '1', uevent: 'DEVTYPE=vlan\n', lower_bond0: '' } },
    br0: { sysfs: { ...SYSFS.bridge, 'lower_bond0.5': '', lower_vethA: '' } },
    docker0: { sysfs: { ...SYSFS.bridge, lower_vethA: '' } },
    vethA: { sysfs: SYSFS.veth },
    wwan0: { sysfs: { type: '65534', device: '', uevent: 'DEVTYPE=wwan\n' } },
    ring: { sysfs: { type: '1', lower_ring: '' } },
    home: { sysfs: SYSFS.wireguard },
    tun7: { sysfs: SYSFS.tun },
    tap0: { sysfs: SYSFS.tap },
    'flannel.1': { sysfs: { type: '1', uevent: 'DEVTYPE=vxlan\n' } },
    gre1: { sysfs: { type: '778', uevent: '' } },
    sit1: { sysfs: { type: '776', uevent: '' } },
    ipsec0: { sysfs: { type: '65534', uevent: '' } },
    netkit0: { sysfs: { type: '65534', uevent: 'DEVTYPE=netkit\n' } },
  };
  const machine = fakeMachine({ links });

  it.each<[string, LinkKind]>([
    ['lo', 'loopback'],
    ['eth0', 'physical'],
    ['wlan0', 'physical'],
    ['bond0', 'physical'],
    ['bond0.5', 'physical'],
    ['br0', 'physical'],
    ['docker0', 'virtual'],
    ['vethA', 'virtual'],
    ['wwan0', 'physical'],
    ['ring', 'virtual'],
    ['home', 'tunnel'],
    ['tun7', 'tunnel'],
    ['tap0', 'tap'],
    ['flannel.1', 'tunnel'],
    ['gre1', 'tunnel'],
    ['sit1', 'virtual'],
    ['ipsec0', 'tunnel'],
    ['netkit0', 'virtual'],
  ])('%s is %s', (name, kind) => {
    expect(linkKind(machine, name)).toBe(kind);
  });
});

describe('regression: a list of names misleads in containers', () => {
  it.each(['tun-uplink', 'veth0', 'wg-lan', 'nbu0', 'eth0'])('a veth called %s is a veth', (name) => {
    expect(linkKind(fakeMachine({ links: { [name]: { sysfs: SYSFS.veth } } }), name)).toBe('virtual');
  });

  it('a mesh with an innocent name is a tunnel', () => {
    expect(linkKind(fakeMachine({ links: { eth1: { sysfs: SYSFS.wireguard } } }), 'eth1')).toBe('tunnel');
  });
});

describe('the kind of a link by name, where there is no sysfs', () => {
  it.each<[string, LinkKind]>([
    ['lo', 'loopback'],
    ['lo0', 'loopback'],
    ['lowpan0', 'physical'],
    ...['wt0', 'wg0', 'zl-overlay', 'utun3', 'tun0', 'nb-mesh', 'tailscale0', 'ztabcdef', 'flannel.1'].map(
      (name): [string, LinkKind] => [name, 'tunnel'],
    ),
    ...[
      'docker0',
      'br-1a2b',
      'veth1',
      'virbr0',
      'cni0',
      'cali1',
      'cilium_host',
      'vmnet8',
      'bridge100',
      'awdl0',
      'llw0',
    ].map((name): [string, LinkKind] => [name, 'virtual']),
    ['tap0', 'tap'],
    ['en0', 'physical'],
    ['Ethernet 2', 'physical'],
  ])('%s is %s', (name, kind) => {
    expect(linkKindByName(name)).toBe(kind);
    expect(linkKind(fakeMachine({ platform: 'darwin', links: {} }), name)).toBe(kind);
    expect(linkKind(fakeMachine({ platform: 'linux', links: {} }), name)).toBe(kind);
  });
});
