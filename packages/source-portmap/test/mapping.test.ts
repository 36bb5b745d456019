import { describe, expect, it } from 'vitest';
import { address, GATEWAY_IP, Home, wayOut } from './node-behind-gateway.js';

describe.each([
  ['pcp', 'PCP'],
  ['nat-pmp', 'NAT-PMP'],
] as const)('a gateway that speaks %s alone', (protocol, name) => {
  it('forwards the port of the shared socket, whatever else it is asked by', async () => {
    const home = new Home({ gateway: { protocols: [protocol] } });
    const node = home.node('192.168.1.2');
    expect(await node.gather()).toEqual([`198.51.100.1:51820 ${name} at ${GATEWAY_IP}`]);
    expect([...home.gateway.mappings]).toEqual([[51_820, address('192.168.1.2', 51_820)]]);
    expect(node.source.problems()).toEqual([]);
  });

  it('is told at stop that the mapping is not wanted any more', async () => {
    const home = new Home({ gateway: { protocols: [protocol] } });
    const node = home.node('192.168.1.2');
    await node.gather();
    await node.stop();
    expect([...home.gateway.mappings]).toEqual([]);
    expect(home.time.pendingTimers).toBe(0);
  });

  it('is not waited for at stop where it is gone', async () => {
    const home = new Home({ gateway: { protocols: [protocol] } });
    const node = home.node('192.168.1.2');
    await node.gather();
    home.gateway.isUp = false;
    const startMs = home.time.now();
    await node.stop();
    expect(home.time.now() - startMs).toBeLessThan(4000);
    expect(node.logger.lines.map(({ message }) => message)).toContain(
      'the gateway keeps a mapping of ours until it expires',
    );
  });

  it('is asked again at half of what it grants, so that nothing expires', async () => {
    const home = new Home({ gateway: { protocols: [protocol], maxLifetimeSeconds: 20 } });
    const node = home.node('192.168.1.2');
    await node.gather();
    const watch = node.watch();
    for (let second = 0; second < 120; second += 1) {
      await home.time.advance(1000);
      expect(home.gateway.mappings.size).toBe(1);
    }
    expect(node.changes).toBe(0);
    watch[Symbol.dispose]();
    await home.time.advance(60_000);
    expect(home.gateway.mappings.size).toBe(0);
  });

  it('has the mapping again after it was started anew, at the next look', async () => {
    const home = new Home({ gateway: { protocols: [protocol] } });
    const node = home.node('192.168.1.2');
    await node.gather();
    await home.time.advance(100_000);
    home.gateway.restart();
    expect(await node.refresh()).toBe(false);
    expect(home.gateway.mappings.size).toBe(1);
    expect(node.logger.lines.map(({ message }) => message)).toContain(
      'the gateway was started anew, and has our mapping again',
    );
  });

  it('is believed to forward until the mapping is over, when it answers no more', async () => {
    const home = new Home({ gateway: { protocols: [protocol], maxLifetimeSeconds: 60 } });
    const node = home.node('192.168.1.2');
    await node.gather();
    await home.time.advance(2000);
    home.gateway.isUp = false;
    expect(await node.refresh()).toBe(false);
    expect(node.source.problems()).toEqual([expect.stringContaining('it does not answer PCP, NAT-PMP')]);
    await home.time.advance(60_000);
    expect(await node.refresh()).toBe(true);
    expect(await node.gather()).toEqual([]);
    home.gateway.isUp = true;
    expect(await node.gather()).toHaveLength(1);
    expect(node.source.problems()).toEqual([]);
  });

  it('gives each of several nodes a port of its own', async () => {
    const home = new Home({ gateway: { protocols: [protocol] } });
    const nodes = ['192.168.1.2', '192.168.1.3', '192.168.1.4'].map((ip) => home.node(ip));
    for (const node of nodes) await node.gather();
    const found = nodes.flatMap((node) => node.found);
    expect(found).toHaveLength(3);
    expect(new Set(found).size).toBe(3);
  });

  it('says why it refuses, in one line', async () => {
    const home = new Home({ gateway: { protocols: [protocol], result: 2 } });
    const node = home.node('192.168.1.2', { protocols: [protocol] });
    expect(await node.gather()).toEqual([]);
    expect(node.source.problems()).toEqual([
      `the gateway ${GATEWAY_IP} maps no port to 192.168.1.2:51820: ${name}: its policy refuses it (${name} result 2)`,
    ]);
  });
});

describe('the default gateway', () => {
  it('has the mapping of a node that was killed, and gives it to the next start', async () => {
    const home = new Home({ gateway: { protocols: ['pcp'] } });
    for (const [key, ports] of [
      ['mine', 1],
      ['another', 0],
    ] as const) {
      const killed = home.node('192.168.1.2', { key: 'mine' });
      await killed.gather();
      killed.datagrams.close();
      killed.host.detach('192.168.1.2');
      const next = home.node('192.168.1.2', { key });
      expect(await next.gather()).toHaveLength(ports);
      expect(home.gateway.mappings.size).toBe(1);
      next.host.detach('192.168.1.2');
      home.gateway.restart();
    }
  });

  it('that was replaced by another is left, and the other is asked', async () => {
    const home = new Home();
    const other = home.otherGateway('192.168.1.254', '198.51.100.2');
    const node = home.node('192.168.1.2');
    await node.gather();
    using _watch = node.watch();
    node.egress.change([wayOut('192.168.1.2', '192.168.1.254')]);
    await home.time.advance(100);
    expect(node.changes).toBe(1);
    expect(await node.gather()).toEqual(['198.51.100.2:51820 PCP at 192.168.1.254']);
    expect(other.mappings.size).toBe(1);
  });

  it('that is gone leaves no candidate and nothing to complain of', async () => {
    const home = new Home();
    const node = home.node('192.168.1.2');
    await node.gather();
    node.egress.change([]);
    expect(await node.gather()).toEqual([]);
    expect(node.source.problems()).toEqual([]);
  });

  it('is not asked for an address that needs nobody to forward to it', async () => {
    const home = new Home();
    const node = home.node('192.168.1.2');
    node.egress.change([wayOut('203.0.113.7')]);
    expect(await node.gather()).toEqual([]);
    expect(home.gateway.requests).toBe(0);
  });

  it('says where it stands in its way, and is asked less and less', async () => {
    const home = new Home();
    home.gateway.isUp = false;
    const node = home.node('192.168.1.2');
    expect(await node.gather()).toEqual([]);
    expect(node.source.problems()).toEqual([
      `the gateway ${GATEWAY_IP} maps no ports: it does not answer PCP, NAT-PMP; switch one of them on there, or forward a UDP port to 192.168.1.2 port 51820 by hand`,
    ]);
    const before = node.host.sentDatagrams;
    for (let minute = 0; minute < 60; minute += 1) {
      await node.refresh();
      await home.time.advance(60_000);
    }
    expect((node.host.sentDatagrams - before) / 8).toBeLessThan(10);
    expect(node.host.sentDatagrams).toBeGreaterThan(before);
  });
});

describe('a gateway behind another NAT', () => {
  const says = /^the gateway 192\.168\.1\.1 maps ports \(PCP\), but stands behind another NAT: its external address/;

  it('is told by its private address, which peers behind the same NAT may use', async () => {
    const node = new Home({ publicIp: '100.64.1.2' }).node('192.168.1.2');
    expect(await node.gather()).toEqual(['100.64.1.2:51820 PCP at 192.168.1.1']);
    expect(node.source.problems()).toEqual([expect.stringMatching(says)]);
  });

  it('is told by what servers see', async () => {
    const node = new Home().node('192.168.1.2', { reflexive: [address('203.0.113.9', 4321)] });
    await node.gather();
    expect(node.source.problems()).toEqual([expect.stringMatching(/servers see 203\.0\.113\.9/)]);
  });

  it.each([[], [address('198.51.100.1', 4321)], [address('2001:db8::1', 4321)]])(
    'is not told by %j',
    async (...reflexive) => {
      const node = new Home().node('192.168.1.2', { reflexive });
      await node.gather();
      expect(node.source.problems()).toEqual([]);
    },
  );
});
