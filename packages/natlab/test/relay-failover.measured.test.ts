import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  Ping,
  SERVER_ADDRESSES,
  startPair,
  WirepathServer,
  type Daemon,
  type NatKind,
  type WirepathNode,
} from '../src/index.js';
import { describeInLab, pairForTest, report } from './lab-for-test.js';

/** 200 packets a second. */
const INTERVAL_MS = 5;
const STREAM = '?transport=tcp';

/** Two nodes that only a relay connects, and two relays on servers of their own. */
async function twoRelays({ site, query = '' }: { readonly site: NatKind; readonly query?: string }) {
  const ips = [SERVER_ADDRESSES[1], SERVER_ADDRESSES[2]];
  const relayUrls = ips.map((ip) => `turn:${ip}:3478${query}`);
  const pair = await pairForTest({ a: site, b: site, rc: { relayUrls } });
  const daemons: Daemon[] = [];
  for (const ip of ips) {
    const name = `relay-${ip.slice(-2)}`;
    const relay = await WirepathServer.prepare(pair.lab, { name, ip, rendezvous: false, relay: true });
    daemons.push(await relay.start());
  }
  const { ping } = await startPair(pair);
  await delay(1000);
  await ping.stop();
  const used = await relayInUse(pair.a);
  const inUse = ips.findIndex((ip) => ip === used);
  const server = daemons[inUse];
  if (server === undefined) throw new Error(`none of the relays is in use: ${JSON.stringify(await pair.a.status())}`);
  return { ...pair, server, other: ips[1 - inUse] };
}

/** Its IP address: a relay of ours is told by its URL, one of the peer's by the relayed address. */
async function relayInUse(node: WirepathNode): Promise<string | undefined> {
  const { peers } = await node.status();
  return peers[0]?.relay?.match(/203\.0\.113\.\d+/)?.[0];
}

describeInLab('two relays', () => {
  it.each([
    { site: 'sym', query: '', signal: 'SIGKILL', limitMs: 2000 },
    { site: 'sym', query: STREAM, signal: 'SIGKILL', limitMs: 1000 },
    { site: 'sym', query: '', signal: 'SIGSTOP', limitMs: 3000 },
    { site: 'sym', query: STREAM, signal: 'SIGSTOP', limitMs: 3000 },
  ] as const)('$signal to the one in use (turn:...$query): the other takes over', async (row) => {
    const { site, query, signal, limitMs } = row;
    const { lab, a, b, server, other } = await twoRelays({ site, query });
    const ping = Ping.start(lab, 'a', b.address, INTERVAL_MS);
    await delay(500);
    process.kill(server.pid, signal);
    await delay(6000);
    const { longestGapMs, lost, sent } = await ping.stop();
    report(`${signal} ${query}`, `gap of ${Math.round(longestGapMs)} ms, ${lost} of ${sent} lost`);
    if (signal === 'SIGSTOP') process.kill(server.pid, 'SIGCONT');
    expect(longestGapMs).toBeLessThan(limitMs);
    expect(await relayInUse(a)).toBe(other);
  });

  it('one that comes back is used again only where it is better', async () => {
    const { a, server, other } = await twoRelays({ site: 'sym' });
    process.kill(server.pid, 'SIGSTOP');
    await delay(4000);
    process.kill(server.pid, 'SIGCONT');
    const changes = a.connectionChanges().length;
    await delay(8000);
    expect(await relayInUse(a)).toBe(other);
    expect(a.connectionChanges().length).toBe(changes);
  });
});
