import { INTERNET_GATEWAY } from '../../src/network/plan.js';
import { OUTSIDE, type Machine } from './machine.js';

/** Something that is done to the machine, and undone. */
export interface Disturbance {
  readonly name: string;
  /** What `problems` of A has while it lasts, or for a while where it is mended at once; none where nothing is wrong. */
  readonly problem?: RegExp;
  begin(machine: Machine): Promise<unknown>;
  /** What works nevertheless. */
  meanwhile?(machine: Machine): Promise<unknown>;
  /** Nothing to do where wirepath itself mends it. */
  end?(machine: Machine): Promise<unknown>;
}

const STRANGERS = 500;
const UPLINK = { address: '203.0.113.90', inside: 'eth1', outside: 'a-up' };
/** The home's router tells nobody that its links take 1280 bytes. */
const SILENT =
  'table ip silent {\n chain out { type filter hook output priority 0; icmp type destination-unreachable drop; }\n}\n';

export const DISTURBANCES: readonly Disturbance[] = [
  {
    name: 'both servers end, and start again at another address',
    begin: (machine) => machine.stopServers(),
    problem: /servers\.lab/,
    end: (machine) => machine.serveElsewhere(),
  },
  {
    name: 'interface down',
    problem: /removed or changed the state "up"/,
    begin: ({ ip, a }) => ip('link', 'set', 'dev', a.interfaceName, 'down'),
  },
  {
    name: 'rules deleted',
    problem: /removed or changed rule/,
    begin: async (machine) => {
      for (const family of ['-4', '-6']) {
        const rules = JSON.parse(await machine.ip('-j', family, 'rule')) as { priority: number }[];
        const foreign = rules.filter(({ priority }) => priority > 0 && priority < 32_766);
        for (const { priority } of foreign) await machine.ip(family, 'rule', 'del', 'priority', String(priority));
      }
    },
  },
  {
    name: 'addresses flushed',
    problem: /removed or changed address/,
    begin: (machine) => machine.ip('address', 'flush', 'dev', machine.a.interfaceName),
  },
  {
    name: 'device deleted',
    problem: /removed or changed the interface itself/,
    begin: (machine) => machine.ip('link', 'del', 'dev', machine.a.interfaceName),
  },
  {
    name: 'IPv6 off and on',
    problem: /IPv6 is switched off/,
    begin: (machine) => machine.sysctl('a', 'net.ipv6.conf.all.disable_ipv6=1'),
    end: async (machine) => {
      await machine.sysctl('a', 'net.ipv6.conf.all.disable_ipv6=0');
      const { address6, gateway6 } = machine.lab.host('a');
      await machine.ip('-6', 'address', 'replace', `${address6}/64`, 'dev', 'eth0', 'nodad');
      await machine.ip('-6', 'route', 'replace', 'default', 'via', String(gateway6), 'dev', 'eth0');
    },
  },
  {
    name: 'links of 1280 bytes without ICMP',
    begin: async (machine) => {
      await setMtu(machine, ['mtu', 'lock', '1280']);
      await machine.lab.exec('a-gw', ['nft', '-f', '-'], { input: SILENT });
    },
    meanwhile: ({ lab }) =>
      lab.exec('a', ['ping', '-n', '-q', '-c', '5', '-i', '0.2', '-W', '1', '-s', '1380', OUTSIDE]),
    end: async (machine) => {
      await setMtu(machine, []);
      await machine.lab.exec('a-gw', ['nft', 'delete', 'table', 'ip', 'silent']);
    },
  },
  {
    name: `SIGHUP with ${STRANGERS} peers`,
    begin: (machine) => machine.reload(STRANGERS),
    end: (machine) => machine.reload(0),
  },
  {
    name: 'a second uplink comes and goes',
    begin: async ({ lab, ip }) => {
      const { address, inside, outside } = UPLINK;
      const peer = ['peer', 'name', outside, 'netns', lab.namespace('inet')];
      await ip('link', 'add', inside, 'type', 'veth', ...peer);
      await lab.exec('inet', ['ip', 'link', 'set', 'dev', outside, 'master', 'br0', 'up']);
      // Its network holds nobody but us: what is on the link of a public one does not go through the tunnel.
      await ip('address', 'add', `${address}/32`, 'dev', inside);
      await ip('link', 'set', 'dev', inside, 'up');
      await ip('route', 'replace', 'default', 'via', INTERNET_GATEWAY, 'dev', inside, 'onlink');
    },
    end: async ({ lab, ip }) => {
      await ip('link', 'del', 'dev', UPLINK.inside);
      await ip('route', 'replace', 'default', 'via', lab.host('a').gateway, 'dev', 'eth0');
    },
  },
];

/** Of every route of the home's router: the ends of a virtual cable would drop what is larger than their own MTU at once. */
async function setMtu({ lab }: Machine, mtu: readonly string[]): Promise<void> {
  const routes = (await lab.exec('a-gw', ['ip', '-4', 'route'])).trim().split('\n');
  for (const route of routes) {
    const plain = route.trim().replace(/ mtu lock \d+/, '');
    await lab.exec('a-gw', ['ip', 'route', 'change', ...plain.split(/\s+/), ...mtu]);
  }
}
