import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { connectionOf, Ping, WirepathNode, type Lab } from '../src/index.js';
import { describeInLab, labForTest, report, seconds } from './lab-for-test.js';

/** Two nodes on one network behind a NAT that does no hairpinning; the servers that they know are dead. */
async function neighbours(lab: Lab): Promise<[WirepathNode, WirepathNode]> {
  const rc = { lan: true, stunServers: ['203.0.113.10:3478'] };
  const a = new WirepathNode(lab, 'a', { number: 1, rc });
  const b = new WirepathNode(lab, 'a2', { number: 2, rc });
  await a.configure([b.asPeer()]);
  await b.configure([a.asPeer()]);
  return [a, b];
}

const SITE = { a: { nat: 'portcone', hosts: 2 } } as const;

describeInLab('two nodes on one network, every server dead', () => {
  it.each([
    ['IPv4', false],
    ['IPv4 and IPv6', true],
  ])('are connected directly within a second of the second start: %s', async (_families, ipv6) => {
    const lab = await labForTest(SITE, { ipv6 });
    const [a, b] = await neighbours(lab);
    await a
      .start()
      .logged(/wirepath up|is up|started/i)
      .catch(() => undefined);
    await a.until('searching', ({ signaling }) => signaling.some(({ state }) => state === 'up'));
    await delay(3000);
    const ping = Ping.start(lab, 'a2', a.address, 10);
    const { startedAtMs } = b.start();
    const reply = await ping.firstReply();
    await ping.stop();
    report('from the second start to the first echo', seconds(reply.receivedAtMs - startedAtMs));
    expect([connectionOf(await a.status()), connectionOf(await b.status())]).toEqual(['direct', 'direct']);
    expect(reply.receivedAtMs - startedAtMs).toBeLessThan(1000);
    const { remoteCandidates } = await a.explain('a2');
    expect(remoteCandidates).toContainEqual({ type: 'host', address: '10.1.0.3:51820' });
  });

  it('find each other where all traffic goes through the tunnel, and nothing else may leave', async () => {
    const lab = await labForTest(SITE);
    const [a, b] = await neighbours(lab);
    await b.configure([a.asPeer({ allowedIps: ['0.0.0.0/0'] })], { transport: { killSwitch: true } });
    a.start();
    b.start();
    const ping = Ping.start(lab, 'a2', a.address, 50);
    await ping.firstReply();
    await ping.stop();
    expect(connectionOf(await b.status())).toBe('direct');
  });

  it('find each other where two networks are bridged later', async () => {
    const lab = await labForTest(SITE);
    const [a, b] = await neighbours(lab);
    // The second host is on a network of its own: a cable that ends in the router, outside of the bridge.
    const port = (...command: string[]) => lab.exec('a-gw', ['ip', 'link', 'set', 'a2', ...command]);
    await port('nomaster');
    a.start();
    b.start();
    const ping = Ping.start(lab, 'a2', a.address, 50);
    await delay(5000);
    expect(connectionOf(await a.status())).not.toBe('direct');
    await port('master', 'lan');
    const bridgedAtMs = Date.now();
    const reply = await ping.firstReply({ timeoutMs: 40_000 });
    await ping.stop();
    report('from the bridge to the first echo', seconds(reply.receivedAtMs - bridgedAtMs));
    expect(connectionOf(await b.status())).toBe('direct');
  }, 90_000);
});
