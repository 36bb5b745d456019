import { transportAddress } from '@wirepath/core';
import { NATS, VirtualNetwork, VirtualTime } from '../../src/index.js';
import { expect, it } from 'vitest';

it('a symmetric NAT gives each destination another port', () => {
  const time = new VirtualTime();
  const network = new VirtualNetwork({ clock: time, seed: 7 });
  const home = network.lan('home');
  network.router({ inside: home, ip: '198.51.100.1', nat: NATS.symmetric, latencyMs: 10 });
  const laptop = network.host({ on: home, ips: ['192.168.1.2'] }).bind(4, 51_820, () => {});
  const seen: number[] = [];
  for (const ip of ['203.0.113.10', '203.0.113.11']) {
    network.host({ ips: [ip] }).bind(4, 3478, ({ source }) => seen.push(source.port));
    laptop.send(transportAddress(ip, 3478), Buffer.from('who am I?'));
  }
  time.runUntil(1000);
  expect(new Set(seen).size).toBe(2);
});
