import { expect, it } from 'vitest';
import { expectedConnections, Ping, WirepathNode, WirepathServer, type UdpNatKind } from '../src/index.js';
import { describeInLab, labForTest, report } from './lab-for-test.js';

const SITES = { a: 'portcone', b: 'shifted', c: 'fullcone', d: 'sym' } as const satisfies Record<string, UdpNatKind>;

describeInLab('four nodes behind four NATs', () => {
  it('are each connected to every other by the best path there is, all at once', async () => {
    const lab = await labForTest(SITES);
    const server = await WirepathServer.prepare(lab, { stun: true, relay: true });
    const rc = { stunServers: [WirepathServer.stunServer], relayUrls: [WirepathServer.relayUrl] };
    const nodes = Object.keys(SITES).map((host, index) => new WirepathNode(lab, host, { number: index + 1, rc }));
    for (const node of nodes) {
      await node.configure(nodes.filter((other) => other !== node).map((other) => other.asPeer()));
    }
    await server.start();
    for (const node of nodes) node.start();
    const links = nodes.flatMap((from) => nodes.filter((to) => to !== from).map((to) => ({ from, to })));
    const pings = links.map(({ from, to }) => Ping.start(lab, from.host, to.address, 200));
    await Promise.all(pings.map((ping) => ping.firstReply()));
    const kindOf = ({ host }: WirepathNode) => SITES[host as keyof typeof SITES];
    await Promise.all(
      links.map(({ from, to }) =>
        // An attempt at a hard NAT is made for one peer at a time.
        from.untilConnected(expectedConnections(kindOf(from), kindOf(to)).a, { peer: to.name, timeoutMs: 45_000 }),
      ),
    );
    for (const node of nodes) {
      const { peers } = await node.status();
      const connections = Object.fromEntries(peers.map(({ name, connection }) => [name, connection]));
      report(node.name, JSON.stringify(connections));
      const others = nodes.filter((other) => other !== node);
      expect(connections).toEqual(
        Object.fromEntries(others.map((other) => [other.name, expectedConnections(kindOf(node), kindOf(other)).a])),
      );
    }
    for (const ping of pings) await ping.stop();
  }, 120_000);
});
