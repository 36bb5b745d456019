import { expect, it } from 'vitest';
import { connectionOf, startPair } from '../src/index.js';
import { bothUntil } from './connected-pair.js';
import { describeInLab, pairForTest, report } from './lab-for-test.js';

describeInLab('two nodes with IPv6', () => {
  it.each([
    ['none', 'none'],
    // No NAT in IPv6, but firewalls that let in what was asked for.
    ['sym', 'sym'],
    ['portcone', 'sym'],
  ] as const)('are connected directly over it, whatever their NATs do to IPv4: %s / %s', async (a, b) => {
    const pair = await pairForTest({ a, b, ipv6: true, stun: true, relay: true });
    const { ping, echoSeconds } = await startPair(pair);
    report(`${a} / ${b}, first echo after`, `${echoSeconds.toFixed(2)} s`);
    await bothUntil(pair, 'direct');
    expect((await ping.stop()).lost).toBe(0);
    const [statusA, statusB] = await Promise.all([pair.a.status(), pair.b.status()]);
    expect([connectionOf(statusA), connectionOf(statusB)]).toEqual(['direct', 'direct']);
    // Where IPv4 is direct too, what answered first is kept.
    if (a === 'none') return;
    expect(statusA.peers[0]?.endpoint).toBe(`[${pair.lab.host('b').address6}]:51820`);
    expect(statusB.peers[0]?.endpoint).toBe(`[${pair.lab.host('a').address6}]:51820`);
  });

  it('that only one of them has use IPv4', async () => {
    const pair = await pairForTest({ a: 'portcone', b: 'cgnat', ipv6: true, stun: true, relay: true });
    const { ping } = await startPair(pair);
    await bothUntil(pair, 'hole-punched');
    expect((await ping.stop()).lost).toBe(0);
    expect((await pair.a.status()).peers[0]?.endpoint).toMatch(/^203\.0\.113\.40:/);
  });
});
