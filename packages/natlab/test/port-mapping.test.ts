import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  connectionOf,
  MappingGateway,
  startPair,
  WirepathNode,
  WirepathServer,
  type MappingGatewayOptions,
} from '../src/index.js';
import { describeInLab, labForTest, pairForTest, report } from './lab-for-test.js';
import { MappingSite } from './mapping-site.js';

const PROGRAMS = ['miniupnpd'];
const FORWARDED = /^198\.51\.99\.30:51820$/;

const ALONE: readonly (readonly [name: string, by: string, protocol: string, MappingGatewayOptions])[] = [
  ['PCP', 'PCP', 'pcp', { upnp: false }],
  ['NAT-PMP', 'NAT-PMP', 'nat-pmp', { upnp: false }],
  ['UPnP IGD 2', 'UPnP', 'upnp', { natPmp: false }],
  ['UPnP IGD 1', 'UPnP', 'upnp', { natPmp: false, upnp: 1 }],
];

describeInLab(
  'two nodes behind NATs that map per destination, of which one maps ports',
  () => {
    it.each(ALONE)('are connected without a relay by %s alone', async (name, by, protocol, options) => {
      const pair = await pairForTest({ a: 'sym', b: 'sym', stun: true, relay: true });
      const { lab, a, b } = pair;
      const gateway = await MappingGateway.prepare(lab, 'a', options);
      await gateway.start();
      await a.configure([b.asPeer()], { portmap: { protocols: [protocol] } });
      const { echoSeconds } = await startPair(pair);
      await Promise.all([a, b].map((node) => node.untilConnected('hole-punched')));
      report(`${name}, first echo`, `${echoSeconds.toFixed(2)} s`);
      const [mapping] = await gateway.mappings();
      expect(mapping).toContain('dnat ip to 10.1.0.2:51820');
      const netcheck = JSON.parse(await a.run('netcheck', '--json')) as object;
      expect(netcheck).toMatchObject({
        forwarded: [{ address: expect.stringMatching(FORWARDED) as string, by: `${by} at 10.1.0.1` }],
        problems: [],
      });
      const { localCandidates } = await a.explain('b');
      expect(localCandidates).toContainEqual({
        type: 'server-reflexive',
        address: '198.51.99.30:51820',
        source: '@wirepath/source-portmap',
      });
      await a.stop();
      expect(await gateway.mappings()).toEqual([]);
    });

    it('are relayed where its policy refuses, and are told why', async () => {
      const pair = await pairForTest({ a: 'sym', b: 'sym', stun: true, relay: true });
      const { lab, a, b } = pair;
      const gateway = await MappingGateway.prepare(lab, 'a', { refuses: true });
      await gateway.start();
      // By the others it looks through all ports before it says so, for seconds in which it answers nobody.
      await a.configure([b.asPeer()], { portmap: { protocols: ['upnp'] } });
      await startPair(pair);
      const told = /gateway 10\.1\.0\.1 maps no port to 10\.1\.0\.2:51820: UPnP: its policy refuses it/;
      const problems = expect.arrayContaining([expect.stringMatching(told)]) as string[];
      const status = await a.until('problem', ({ node }) => node.problems.some((line) => told.test(line)));
      expect(status.node.problems).toEqual(problems);
      expect(connectionOf(status)).toBe('relayed');
      expect((await a.explain('b')).problems).toEqual(problems);
    });
  },
  PROGRAMS,
);

describeInLab(
  'a gateway that maps ports',
  () => {
    it('shows our mapping to the programs of Debian', async () => {
      const site = await MappingSite.create({ site: { nat: 'sym', hosts: 2 } });
      await site.node();
      await site.untilMapped(1);
      await site.lab.exec('a', ['ip', 'route', 'add', '239.0.0.0/8', 'dev', 'eth0']);
      const { stdout: upnp } = await site.lab.tryExec('a', ['upnpc', '-l'], { timeoutMs: 20_000 });
      expect(upnp).toMatch(/UDP\s+51820->10\.1\.0\.2:51820/);
      // Of another machine, for the port that is ours.
      const ask = ['natpmpc', '-g', '10.1.0.1', '-a', '51820', '51820', 'udp', '60'];
      const natPmp = await site.lab.exec('a2', ask, { timeoutMs: 20_000 });
      expect(natPmp).toMatch(/Mapped public port (?!51820)\d+ protocol UDP to local port 51820/);
    }, 90_000);

    it('gives two nodes a port each, and neither the other one’s at stop', async () => {
      const site = await MappingSite.create({ site: { nat: 'sym', hosts: 2 } });
      const [a, a2] = [await site.node('a'), await site.node('a2')];
      const mappings = await site.untilMapped(2);
      expect(mappings.map((line) => /dnat ip to (.*)$/.exec(line)?.[1]?.trim()).sort()).toEqual([
        '10.1.0.2:51820',
        '10.1.0.3:51820',
      ]);
      expect(new Set(mappings.map((line) => /dport (\d+)/.exec(line)?.[1])).size).toBe(2);
      await a.stop();
      expect(await site.untilMapped(1)).toEqual([expect.stringContaining('10.1.0.3:51820')]);
      await a2.stop();
      await site.untilMapped(0);
    });

    it.each([
      ['pcp', { upnp: false }],
      ['nat-pmp', { upnp: false }],
      ['upnp', { natPmp: false }],
    ] as const)('gives another port where ours is taken, by %s', async (protocol, gateway) => {
      const site = await MappingSite.create({ site: { nat: 'sym', hosts: 2 }, gateway });
      await site.node('a2', { portmap: { protocols: [protocol] } });
      await site.untilMapped(1);
      const node = await site.node('a', { portmap: { protocols: [protocol] } });
      await site.untilMapped(2);
      const { forwarded } = await site.netcheck(node);
      expect(forwarded).toHaveLength(1);
      expect(forwarded[0]?.address).not.toMatch(FORWARDED);
    });

    it.each(['pcp', 'nat-pmp', 'upnp'] as const)('is asked before the mapping expires, by %s', async (protocol) => {
      const site = await MappingSite.create({ gateway: { maxLifetimeSeconds: 4 } });
      await site.node('a', { portmap: { protocols: [protocol] } });
      await site.untilMapped(1);
      for (let second = 0; second < 12; second += 1) {
        await delay(1000);
        expect(await site.gateway.mappings()).toHaveLength(1);
      }
    });

    it.each(['SIGTERM', 'SIGKILL'] as const)('has the mapping again when it is started after %s', async (signal) => {
      const site = await MappingSite.create();
      await site.node();
      await site.untilMapped(1);
      await site.gateway.stop(signal);
      await site.gateway.forget();
      const startedAtMs = performance.now();
      await site.gateway.start();
      await site.untilMapped(1, 20_000);
      report(`mapped again after ${signal}`, `${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
    });

    it('keeps the mapping of a node that was killed, for its next start', async () => {
      const site = await MappingSite.create();
      const node = await site.node();
      await site.untilMapped(1);
      await node.stop('SIGKILL');
      expect(await site.gateway.mappings()).toHaveLength(1);
      node.start();
      await node.daemon.logged(/node is up/);
      const { forwarded } = await site.netcheck(node);
      expect(forwarded).toEqual([{ address: '198.51.99.30:51820', by: 'PCP at 10.1.0.1' }]);
      await node.stop();
      await site.untilMapped(0);
    });
  },
  [...PROGRAMS, 'upnpc', 'natpmpc'],
);

describeInLab(
  'a gateway behind another NAT',
  () => {
    it('is said to be, when servers see another address than it tells', async () => {
      const lab = await labForTest({ a: 'cgnat' });
      const server = await WirepathServer.prepare(lab, { stun: true });
      await server.start();
      const gateway = await MappingGateway.prepare(lab, 'a', { keepAddress: true, externalIp: '198.51.99.77' });
      await gateway.start();
      const stunServers = [WirepathServer.stunServer];
      const node = new WirepathNode(lab, 'a', {
        number: 1,
        rc: { rendezvousUrl: undefined, stunServers, portmap: {} },
      });
      await node.configure([]);
      node.start();
      const told =
        /maps ports \(PCP\), but stands behind another NAT: its external address is 198\.51\.99\.77, and servers see 203\.0\.113\.30/;
      await node.until('double NAT', ({ node: { problems } }) => problems.some((line) => told.test(line)));
      expect(await node.run('netcheck')).toMatch(told);
    });

    it('is said to have no address of its own, when it finds that itself', async () => {
      const site = await MappingSite.create({ site: { nat: 'cgnat' }, gateway: { keepAddress: true } });
      const node = await site.node();
      const told = /maps no port to 10\.1\.0\.2:51820: .*it may stand behind another NAT/;
      await node.until('refusal', ({ node: { problems } }) => problems.some((line) => told.test(line)));
      report('a gateway with a private address', (await node.status()).node.problems.join('; '));
    });
  },
  PROGRAMS,
);

describeInLab(
  'a router of IPv6 with a firewall',
  () => {
    it('lets in what PCP has asked it to, until stop', async () => {
      const site = await MappingSite.create({
        site: { nat: 'portcone' },
        lab: { ipv6: true },
        gateway: { upnp: false },
      });
      const node = await site.node();
      await site.untilMapped(1);
      const pinholes = await site.gateway.pinholes();
      expect(pinholes).toEqual([expect.stringContaining('0x20010db8000100000000000000000002')]);
      await node.stop();
      expect(await site.gateway.pinholes()).toEqual([]);
    });
  },
  PROGRAMS,
);
