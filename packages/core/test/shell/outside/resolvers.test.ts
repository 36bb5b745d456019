import { formatAddress } from '@wirepath/stun-codec';
import { expect, it } from 'vitest';
import type { NameSystem } from '../../../src/shell/outside/name-system.js';
import { findResolvers } from '../../../src/shell/outside/resolvers.js';

interface Machine {
  readonly files?: Readonly<Record<string, string>>;
  /** What the system says where there is no resolv.conf. */
  readonly servers?: readonly string[];
  readonly ownNetworks?: readonly string[];
}

const RESOLV = '/etc/resolv.conf';
const RESOLVED = '/run/systemd/resolve/resolv.conf';
const DNSMASQ = '/run/dnsmasq/resolv.conf';
const MANAGER = '/run/NetworkManager/no-stub-resolv.conf';

it.each<[string, Machine, string[], string[]]>([
  ['those of resolv.conf', { files: { [RESOLV]: 'nameserver 192.0.2.1' } }, ['192.0.2.1:53'], []],
  [
    'each once',
    { files: { [RESOLV]: 'nameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver 127.0.0.1\nnameserver 127.0.0.1' } },
    ['192.0.2.1:53'],
    ['127.0.0.1:53'],
  ],
  [
    'the system’s where there is no such file, as far as they can be read',
    { servers: ['192.0.2.2', 'nonsense', '[2001:db8::53]:5353'] },
    ['192.0.2.2:53', '[2001:db8::53]:5353'],
    [],
  ],
  ['not the system’s where there is one', { files: { [RESOLV]: '' }, servers: ['192.0.2.2'] }, [], ['127.0.0.1:53']],
  ['the one on this machine where none is named', {}, [], ['127.0.0.1:53']],
  [
    'those inside of our networks after the others',
    {
      files: { [RESOLV]: 'nameserver 10.77.0.9\nnameserver fd77::9\nnameserver 10.78.0.9\nnameserver fd78::9' },
      ownNetworks: ['10.77.0.1/24', 'fd77::1/64', 'nonsense'],
    },
    ['10.78.0.9:53', '[fd78::9]:53'],
    ['10.77.0.9:53', '[fd77::9]:53'],
  ],
  [
    'those behind a stub, of the first file that names any outside',
    {
      files: {
        [RESOLV]: 'nameserver 127.0.0.53',
        [RESOLVED]: 'nameserver 127.0.0.54\nnameserver 10.77.0.9',
        [MANAGER]: 'nameserver 192.0.2.3\nnameserver 192.0.2.4',
        [DNSMASQ]: 'nameserver 192.0.2.5',
      },
      ownNetworks: ['10.77.0.1/24'],
    },
    ['192.0.2.3:53', '192.0.2.4:53'],
    ['127.0.0.53:53'],
  ],
  [
    'none behind a stub where there are others',
    { files: { [RESOLV]: 'nameserver 127.0.0.53\nnameserver 192.0.2.1', [RESOLVED]: 'nameserver 192.0.2.3' } },
    ['192.0.2.1:53'],
    ['127.0.0.53:53'],
  ],
  [
    'none behind where there is no stub',
    { files: { [RESOLV]: 'nameserver 10.77.0.9', [RESOLVED]: 'nameserver 192.0.2.3' }, ownNetworks: ['10.77.0.1/24'] },
    [],
    ['10.77.0.9:53'],
  ],
])('asked for names are %s', async (_who, { files = {}, servers = [], ownNetworks = [] }, outside, others) => {
  const system: NameSystem = {
    readText: async (path) => files[path],
    servers: () => [...servers],
    lookup: async () => [],
  };
  const found = await findResolvers(system, ownNetworks);
  expect([found.outside.map(formatAddress), found.others.map(formatAddress)]).toEqual([outside, others]);
});
