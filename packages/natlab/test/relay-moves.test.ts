import type { StatusDocument } from '@wirepath/core';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { connectionOf, Ping, SERVER_ADDRESSES, startPair, WirepathServer } from '../src/index.js';
import { describeInLab, pairForTest, report, seconds } from './lab-for-test.js';
import { NameServer } from './name-server.js';

const NAME = 'relay.lab';
const [RENDEZVOUS, OLD, NEW] = SERVER_ADDRESSES;
const INTERVAL_MS = 20;

/** Two nodes that a relay alone connects, which they know by name. */
async function namedRelay(url: string) {
  const pair = await pairForTest({ a: url.includes('tcp') ? 'noudp' : 'sym', b: 'sym', rc: { relayUrls: [url] } });
  const { lab } = pair;
  const dns = new NameServer(lab, 'srv', RENDEZVOUS);
  await dns.set({ [NAME]: [OLD] });
  await dns.start();
  for (const host of ['a', 'b']) await lab.resolveNamesBy(host, RENDEZVOUS);
  const relayAt = (ip: string) =>
    WirepathServer.prepare(lab, { name: `relay-${ip.slice(-2)}`, ip, rendezvous: false, relay: true });
  const old = await (await relayAt(OLD)).start();
  const next = await relayAt(NEW);
  return { ...pair, dns, old, next };
}

describeInLab('a relay that has moved to another address, as DNS says', () => {
  it.each([
    { url: `turn:${NAME}:3478`, signal: 'SIGKILL' },
    { url: `turn:${NAME}:3478`, signal: 'SIGSTOP' },
    { url: `turn:${NAME}:3478?transport=tcp`, signal: 'SIGKILL' },
    { url: `turn:${NAME}:3478?transport=tcp`, signal: 'SIGSTOP' },
    { url: `auto:${NAME}`, signal: 'SIGKILL' },
    { url: `auto:${NAME}`, signal: 'SIGSTOP' },
  ] as const)('$url, $signal to the one at the old address: the new one is used', async ({ url, signal }) => {
    const { lab, a, b, dns, old, next, ...pair } = await namedRelay(url);
    const { ping: first } = await startPair({ lab, a, b, ...pair });
    await first.stop();
    expect((await a.status()).relays.find(({ state }) => state === 'up')?.relayedAddress).toMatch(OLD);
    // A name that was looked up just now is not looked up again.
    await delay(1000);
    await next.start();
    await dns.set({ [NAME]: [NEW] });
    const ping = Ping.start(lab, 'a', b.address, INTERVAL_MS);
    await ping.firstReply();
    process.kill(old.pid, signal);
    const goneAtMs = Date.now();
    // What was on its way arrives yet.
    const { receivedAtMs } = await ping.firstReply({ afterMs: goneAtMs + 200, timeoutMs: 30_000 });
    await delay(1000);
    const { longestGapMs } = await ping.stop();
    const what = `${url}, ${signal}, first echo by way of the new address, and the gap`;
    report(what, `${seconds(receivedAtMs - goneAtMs)}, ${seconds(longestGapMs)}`);
    for (const node of [a, b]) {
      const atNew = ({ relayedAddress }: StatusDocument['relays'][number]) => relayedAddress?.startsWith(NEW) === true;
      await node.until('a relay at the new address', ({ relays }) => relays.some(atNew), 30_000);
    }
    expect(connectionOf(await a.status())).toBe('relayed');
    if (signal === 'SIGSTOP') process.kill(old.pid, 'SIGCONT');
  });
});
