import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  connectionOf,
  Ping,
  SERVER_ADDRESSES,
  startPair,
  WirepathServer,
  type Lab,
  type WirepathNode,
} from '../src/index.js';
import { describeInLab, pairForTest, report, seconds } from './lab-for-test.js';

const RELAY = SERVER_ADDRESSES[1];
const PACKET_BYTES = 1200;
const PER_TICK = 25;
/** About 20,000 datagrams a second: in a second more than all that may wait. */
const SENDER = `
const socket = require('dgram').createSocket('udp4');
setInterval(() => { for (let i = 0; i < ${PER_TICK}; i++) socket.send(Buffer.alloc(${PACKET_BYTES}), 9000, '10.77.0.2'); }, 1);`;
/** Of a node that does nothing wrong; a queue without end takes that in some seconds. */
const GROWTH_LIMIT_BYTES = 64 * 2 ** 20;

/** A reaches B through the relay over TCP alone, whose process is apart from the rendezvous. */
async function relayedPair() {
  const relayUrls = [`turn:${RELAY}:3478?transport=tcp`];
  const pair = await pairForTest({ a: 'noudp', b: 'sym', rc: { relayUrls } });
  const relay = await WirepathServer.prepare(pair.lab, { name: 'relay', ip: RELAY, rendezvous: false, relay: true });
  const relaying = await relay.start();
  const { ping } = await startPair(pair);
  await ping.stop();
  expect(connectionOf(await pair.a.status())).toBe('relayed');
  return { ...pair, relaying };
}

async function residentBytes({ daemon }: WirepathNode): Promise<number> {
  const status = await readFile(`/proc/${daemon.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

/** What A does while it sends more than the relay takes. */
async function flood(lab: Lab, a: WirepathNode, forMs: number) {
  const before = await residentBytes(a);
  const sender = lab.spawn('a', 'flood', [process.execPath, '-e', SENDER]);
  await delay(forMs);
  const { node } = await a.status();
  const grownBytes = (await residentBytes(a)) - before;
  await sender.stop('SIGKILL');
  return { grownBytes, dropped: node.dropped['relay.backlog'] ?? 0 };
}

const text = ({ grownBytes, dropped }: Awaited<ReturnType<typeof flood>>) =>
  `${dropped} datagrams dropped, memory grew by ${(grownBytes / 2 ** 20).toFixed(1)} MiB`;

describeInLab('a relay over TCP that takes less than is sent', () => {
  it('reads nothing at all: what is newest is dropped, and counted in `status`; memory is bounded', async () => {
    const { lab, a, b, relaying } = await relayedPair();
    process.kill(relaying.pid, 'SIGSTOP');
    const flooded = await flood(lab, a, 5000);
    report('a relay that does not read', text(flooded));
    expect(flooded.dropped).toBeGreaterThan(1000);
    expect(flooded.grownBytes).toBeLessThan(GROWTH_LIMIT_BYTES);
    process.kill(relaying.pid, 'SIGCONT');
    await a.untilConnected('relayed', { timeoutMs: 30_000 });
    await b.untilConnected('relayed', { timeoutMs: 30_000 });
  });

  it('has a slow link before it: the same, and the tunnel lives on', async () => {
    const { lab, a, b } = await relayedPair();
    const shape = ['root', 'tbf', 'rate', '2mbit', 'burst', '16kb', 'latency', '50ms'];
    await lab.exec('a-gw', ['tc', 'qdisc', 'add', 'dev', 'wan', ...shape]);
    const flooded = await flood(lab, a, 5000);
    report('a relay behind 2 Mbit/s', text(flooded));
    expect(flooded.dropped).toBeGreaterThan(1000);
    expect(flooded.grownBytes).toBeLessThan(GROWTH_LIMIT_BYTES);
    // While all that may wait does, echo requests are the newest, too.
    const endedAtMs = Date.now();
    const ping = Ping.start(lab, 'a', b.address);
    const { receivedAtMs } = await ping.firstReply({ timeoutMs: 30_000 });
    report('from the end of that to the first echo', seconds(receivedAtMs - endedAtMs));
    await ping.stop();
    await a.untilConnected('relayed', { timeoutMs: 30_000 });
  });
});
