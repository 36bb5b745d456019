import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { connectionOf, Ping, startPair } from '../src/index.js';
import { describeInLab, pairForTest, report } from './lab-for-test.js';

const SENDER = fileURLToPath(new URL('./hostile-sender.mjs', import.meta.url));

describeInLab('hostile datagrams', () => {
  it('cost a running ping nothing, are dropped and counted', async () => {
    const pair = await pairForTest({ a: 'none', b: 'none', others: { c: 'none' } });
    const { lab, a, b } = pair;
    const { ping } = await startPair(pair);
    await ping.stop();
    const before = await a.status();

    const during = Ping.start(lab, 'a', b.address);
    await during.firstReply();
    const sender = [process.execPath, SENDER, `${lab.site('a').publicAddress}:51820`, '203.0.113.10:7000', '3000'];
    const sent = JSON.parse(await lab.exec('c', sender)) as { datagrams: number; connections: number };
    const outcome = await during.stop();
    report('hostile', `${sent.datagrams} datagrams, ${sent.connections} connections to the rendezvous server`);
    expect(outcome.lost).toBe(0);

    const after = await a.status();
    const total = ({ node }: typeof after) => Object.values(node.dropped).reduce((sum, count) => sum + count, 0);
    report('dropped', JSON.stringify(after.node.dropped));
    expect(total(after) - total(before)).toBeGreaterThan(sent.datagrams / 2);
    expect(connectionOf(after)).toBe('direct');
    expect(after.peers[0]?.endpoint).toBe(before.peers[0]?.endpoint);

    // The server still takes in a node.
    await b.stop();
    b.start();
    await b.untilRegistered();
  });
});
