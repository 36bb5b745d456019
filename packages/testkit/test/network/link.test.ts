import { transportAddress } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import { NATS, VirtualNetwork, VirtualTime, type HostSettings } from '../../src/index.js';

const A = '192.0.2.1';
const B = '192.0.2.2';

/** What arrives at B, and when, of datagrams of these sizes that A sends at once. */
function arrivals(sizes: readonly number[], link: Omit<HostSettings, 'ips'>) {
  const time = new VirtualTime();
  const network = new VirtualNetwork({ clock: time, seed: 3 });
  const from = network.host({ ips: [A], ...link });
  const to = network.host({ ips: [B], latencyMs: 1 });
  const arrived: { sizeBytes: number; atMs: number }[] = [];
  to.bind(4, 9, ({ bytes }) => arrived.push({ sizeBytes: bytes.length, atMs: time.now() }));
  const socket = from.bind(4, 9, () => undefined);
  for (const size of sizes) socket.send(transportAddress(B, 9), new Uint8Array(size));
  time.runUntil(10_000);
  return { arrived, dropped: network.dropped };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('a link', () => {
  it('delays by its latency and that of the other end', () => {
    expect(arrivals([1], { latencyMs: 10 }).arrived).toEqual([{ sizeBytes: 1, atMs: 11 }]);
  });

  it('with jitter delivers all, some out of order', () => {
    const { arrived } = arrivals(upTo(50), { latencyMs: 10, jitterMs: 5 });
    const sizes = arrived.map(({ sizeBytes }) => sizeBytes);
    expect(sizes.toSorted((a, b) => a - b)).toEqual(upTo(50));
    expect(sizes).not.toEqual(upTo(50));
    for (const { atMs } of arrived) expect(atMs).toBeGreaterThanOrEqual(11);
    for (const { atMs } of arrived) expect(atMs).toBeLessThan(16);
  });

  it('with loss loses about as many', () => {
    const { arrived, dropped } = arrivals(upTo(1000), { loss: 0.2 });
    expect(arrived.length).toBeGreaterThan(720);
    expect(arrived.length).toBeLessThan(880);
    expect(dropped.get('lost')).toBe(1000 - arrived.length);
  });

  it('carries no packet larger than its MTU, headers included', () => {
    const { arrived } = arrivals([1252, 1253], { mtu: 1280 });
    expect(arrived.map(({ sizeBytes }) => sizeBytes)).toEqual([1252]);
  });

  it('of a router counts, too', () => {
    const time = new VirtualTime();
    const network = new VirtualNetwork({ clock: time });
    const lan = network.lan('home');
    network.router({ inside: lan, ip: '198.51.100.1', nat: NATS.fullCone, mtu: 1000 });
    const seen: number[] = [];
    network.host({ ips: [B] }).bind(4, 9, ({ bytes }) => seen.push(bytes.length));
    const socket = network.host({ on: lan, ips: ['192.168.1.2'] }).bind(4, 9, () => undefined);
    for (const size of [100, 973]) socket.send(transportAddress(B, 9), new Uint8Array(size));
    time.runUntil(1000);
    expect(seen).toEqual([100]);
  });
});
