import { expect, it } from 'vitest';
import { Ping, WirepathNode, WirepathServer } from '../src/index.js';
import { describeInLab, labForTest, report, seconds } from './lab-for-test.js';

const NATIVE = { transport: { mode: 'uapi', subMode: 'native', command: 'wireguard-go' } };

describeInLab('devices with a port of their own', () => {
  it('find each other by trying endpoints, and say so', async () => {
    const lab = await labForTest({ a: 'portcone', b: 'none' });
    const server = await WirepathServer.prepare(lab, {});
    const [a, b] = ['a', 'b'].map((host, i) => new WirepathNode(lab, host, { number: i + 1, rc: NATIVE })) as [
      WirepathNode,
      WirepathNode,
    ];
    await a.configure([b.asPeer()]);
    await b.configure([a.asPeer()]);
    await server.start();
    a.start();
    b.start();
    const startedAtMs = Date.now();
    const ping = Ping.start(lab, 'a', b.address, 50);
    const first = await ping.firstReply({ timeoutMs: 30_000 });
    report('first echo', seconds(first.receivedAtMs - startedAtMs));
    await a.untilConnected('direct');
    await b.untilConnected('hole-punched');
    const endpoint = `${lab.site('b').publicAddress}:51820`;
    expect(await a.explain('b')).toMatchObject({
      connection: 'direct',
      summary: `direct on ${endpoint}`,
      pairs: [{ remote: endpoint, remoteType: 'host', verdict: 'in use', active: true }],
    });
    expect((await a.explain('b')).pairs[0]?.evidence).toMatch(/^tried \d+ times, proven \d+ times$/);
    expect((await a.status()).peers).toMatchObject([{ connection: 'direct', endpoint, reason: null }]);
    expect((await b.status()).peers).toMatchObject([{ connection: 'hole-punched', reason: null }]);
    await ping.stop();
  }, 60_000);
});
