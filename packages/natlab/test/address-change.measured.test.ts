import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { connectionOf, Ping, startPair } from '../src/index.js';
import { describeInLab, pairForTest, report, seconds } from './lab-for-test.js';

describeInLab('a host that changes its address', () => {
  it('keeps its session, and is found again at once', async () => {
    const pair = await pairForTest({ a: 'none', b: 'none' });
    const { lab, a, b } = pair;
    const { ping } = await startPair(pair);
    await ping.stop();
    const before = (await a.status()).peers[0];

    const during = Ping.start(lab, 'a', b.address, 10);
    await during.firstReply();
    await delay(500);
    const changedAtMs = Date.now();
    await lab.changeAddress('a', '203.0.113.99');
    const { receivedAtMs } = await during.firstReply({ afterMs: changedAtMs + 50 });
    await b.until('A at its new address', ({ peers }) => peers[0]?.endpoint === '203.0.113.99:51820');
    const outcome = await during.stop();
    report('echo again after', seconds(receivedAtMs - changedAtMs));
    report('longest gap', `${outcome.longestGapMs.toFixed(0)} ms, ${outcome.lost} of ${outcome.sent} lost`);
    expect(outcome.longestGapMs).toBeLessThan(1000);
    const [after] = (await a.status()).peers;
    expect(after?.lastHandshakeMs).toBe(before?.lastHandshakeMs);
    // A's connection to the rendezvous server has lost its address too: what B calls direct has to be signalled first.
    await a.untilRegistered();
    await b.until('A direct again', (status) => connectionOf(status) === 'direct');
    report('direct at both ends again after', `at most ${seconds(Date.now() - changedAtMs)}`);
    expect(connectionOf(await a.status())).toBe('direct');
  });
});
