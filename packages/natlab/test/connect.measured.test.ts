import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { connectionOf, Ping, startPair, type WirepathNode } from '../src/index.js';
import { describeInLab, pairForTest, report, seconds } from './lab-for-test.js';

/** From exec to echo. Less than half a second is the rule; the rest is for a machine that has other work. */
const START_BUDGET_SECONDS = 10;

/** Starts the node and waits for the first echo that came after. @returns seconds. */
async function echoAfterStart(node: WirepathNode, ping: Ping): Promise<number> {
  const { startedAtMs } = node.start();
  const { receivedAtMs } = await ping.firstReply({ afterMs: startedAtMs });
  return (receivedAtMs - startedAtMs) / 1000;
}

describeInLab('two hosts on the internet, and a rendezvous server', () => {
  it('are connected directly, as soon as the second is up', async () => {
    const pair = await pairForTest({ a: 'none', b: 'none' });
    const { ping, echoSeconds } = await startPair(pair);
    report('from starting A to the first echo', `${echoSeconds.toFixed(2)} s`);
    const [statusA, statusB] = await Promise.all([pair.a.status(), pair.b.status()]);
    expect([connectionOf(statusA), connectionOf(statusB)]).toEqual(['direct', 'direct']);
    expect(statusA.peers[0]).toMatchObject({ name: 'b', endpoint: `${pair.lab.site('b').publicAddress}:51820` });
    expect(statusB.peers[0]).toMatchObject({ name: 'a', endpoint: `${pair.lab.site('a').publicAddress}:51820` });
    expect(echoSeconds).toBeLessThan(START_BUDGET_SECONDS);
    // Running: nothing is lost, both ways.
    const back = Ping.start(pair.lab, 'b', pair.a.address);
    await back.firstReply();
    await delay(500);
    expect((await back.stop()).lost).toBe(0);
    await ping.stop();
  });

  it('find each other when the one that is called starts later', async () => {
    const pair = await pairForTest({ a: 'none', b: 'none' });
    await pair.server.start();
    const ping = Ping.start(pair.lab, 'a', pair.b.address, 10);
    pair.a.start();
    await pair.a.untilRegistered();
    // Long enough for a first call to nobody, and for the back-off that follows.
    await delay(1500);
    const echo = await echoAfterStart(pair.b, ping);
    report('from starting B, called since 1.5 s, to the first echo', `${echo.toFixed(2)} s`);
    expect(echo).toBeLessThan(START_BUDGET_SECONDS);
  });

  it('find each other when both were there before the server', async () => {
    const pair = await pairForTest({ a: 'none', b: 'none' });
    const ping = Ping.start(pair.lab, 'a', pair.b.address, 10);
    pair.a.start();
    pair.b.start();
    await Promise.all([pair.a.daemon.logged(/node is up/), pair.b.daemon.logged(/node is up/)]);
    const server = await pair.server.start();
    const { receivedAtMs } = await ping.firstReply();
    const echo = receivedAtMs - server.startedAtMs;
    report('from starting the server to the first echo', seconds(echo));
    expect(echo).toBeLessThan(10_000);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'take up a peer at once that was ended by %s and starts again',
    async (signal) => {
      const pair = await pairForTest({ a: 'none', b: 'none' });
      const { ping } = await startPair(pair);
      const echoes: number[] = [];
      for (let round = 0; round < 2; round += 1) {
        await pair.b.stop(signal);
        await delay(300);
        echoes.push(await echoAfterStart(pair.b, ping));
      }
      report(
        `from starting B again after ${signal} to the first echo`,
        echoes.map((echo) => `${echo.toFixed(2)} s`).join(', '),
      );
      expect(Math.min(...echoes)).toBeLessThan(START_BUDGET_SECONDS);
      expect(connectionOf(await pair.a.status())).toBe('direct');
    },
  );
});
