import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { connectionOf, startPair } from '../src/index.js';
import { describeInLab, pairForTest, report, seconds } from './lab-for-test.js';

describeInLab('two nodes that only a relay connects', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('are connected again when one starts after %s', async (signal) => {
    const pair = await pairForTest({ a: 'sym', b: 'sym', stun: true, relay: true });
    const { ping } = await startPair(pair);
    const echoes: number[] = [];
    for (let round = 0; round < 2; round += 1) {
      await pair.b.stop(signal);
      await delay(300);
      const { startedAtMs } = pair.b.start();
      const { receivedAtMs } = await ping.firstReply({ afterMs: startedAtMs });
      echoes.push(receivedAtMs - startedAtMs);
    }
    report(`from starting B again after ${signal} to the first echo`, echoes.map(seconds).join(', '));
    // A killed node leaves its allocation behind, and the relay knows its port (437).
    expect(Math.min(...echoes)).toBeLessThan(15_000);
    expect(connectionOf(await pair.a.status())).toBe('relayed');
  });

  it('are connected again after the relay was killed and started again', async () => {
    const pair = await pairForTest({ a: 'sym', b: 'portcone', stun: true, relay: true });
    const { ping, server } = await startPair(pair);
    await server.stop('SIGKILL');
    await delay(1500);
    const { startedAtMs } = await pair.server.start();
    const { receivedAtMs } = await ping.firstReply({ afterMs: startedAtMs, timeoutMs: 40_000 });
    report('from starting the relay again to the first echo', seconds(receivedAtMs - startedAtMs));
    expect(receivedAtMs - startedAtMs).toBeLessThan(15_000);
  });

  it('stay connected when the server is killed, once they have a path of their own', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'portcone', stun: true, relay: true });
    const { ping, server } = await startPair(pair);
    await pair.a.until('hole-punched', (status) => connectionOf(status) === 'hole-punched');
    await pair.b.until('hole-punched', (status) => connectionOf(status) === 'hole-punched');
    await server.stop('SIGKILL');
    await delay(4000);
    const outcome = await ping.stop();
    report(
      'echoes without a server',
      `${outcome.received} of ${outcome.sent}, longest gap ${outcome.longestGapMs.toFixed(0)} ms`,
    );
    expect(outcome.lost).toBe(0);
  });
});
