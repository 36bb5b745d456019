import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Lab } from '../src/index.js';
import { connectionOf, Ping, WirepathNode, WirepathServer } from '../src/index.js';
import { describeInLab, labForTest, report, seconds } from './lab-for-test.js';

async function threeNodes(lab: Lab): Promise<[WirepathNode, WirepathNode, WirepathNode]> {
  const nodes = ['a', 'b', 'c'].map((host, index) => new WirepathNode(lab, host, { number: index + 1 }));
  for (const node of nodes) {
    await node.configure(nodes.filter((other) => other !== node).map((other) => other.asPeer()));
  }
  return nodes as [WirepathNode, WirepathNode, WirepathNode];
}

describeInLab('the rendezvous server', () => {
  it('may be killed under a running tunnel, and connects others when it is back', async () => {
    const lab = await labForTest({ a: 'none', b: 'none', c: 'none' });
    const server = await WirepathServer.prepare(lab);
    const [a, b, c] = await threeNodes(lab);
    const first = await server.start();
    a.start();
    b.start();
    const ping = Ping.start(lab, 'a', b.address);
    await ping.firstReply();
    await ping.stop();

    const during = Ping.start(lab, 'a', b.address);
    await during.firstReply();
    await first.stop('SIGKILL');
    for (const node of [a, b]) await node.until('signalling down', ({ signaling }) => signaling[0]?.state !== 'up');
    await delay(1000);
    const { startedAtMs } = await server.start();
    for (const node of [a, b]) await node.untilRegistered();
    report('from starting the server again to both registered', `at most ${seconds(Date.now() - startedAtMs)}`);

    c.start();
    const third = Ping.start(lab, 'c', a.address);
    await third.firstReply();
    await third.stop();
    const outcome = await during.stop();
    report(
      'echoes during the outage',
      `${outcome.received} of ${outcome.sent}, longest gap ${outcome.longestGapMs} ms`,
    );
    expect(outcome.lost).toBe(0);
    const { peers } = await c.status();
    expect(peers.find(({ name }) => name === 'a')?.connection).toBe('direct');
    expect(connectionOf(await b.status())).toBe('direct');
  });
});
