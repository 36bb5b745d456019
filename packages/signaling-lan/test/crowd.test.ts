import { FakeClock } from '@wirepath/core';
import { expect, it } from 'vitest';
import { BEACON_BURST, BEACONS_PER_SECOND } from '../src/protocol/lan-v1.js';
import { MemoryLan } from './memory-lan.js';
import { identityOf, TestNode } from './support.js';

const NODES = 200;
/** Each costs every node a key agreement and a row of tags: with 199 (`LAN_CROWD_ABSENT=199`) the test takes two minutes. */
const ABSENT = Number(process.env['LAN_CROWD_ABSENT'] ?? 19);
const RUN_MS = 40_000;

/** Beacons of the busiest node, and of all, a second. */
function rates(lan: MemoryLan, fromMs: number, untilMs: number): { node: number; all: number; unicast: number } {
  const seen = lan.seen.filter(({ atMs }) => atMs >= fromMs && atMs < untilMs);
  const beacons = seen.filter(({ to }) => to === undefined);
  const counts = new Map<string, number>();
  for (const { from } of beacons) counts.set(from, (counts.get(from) ?? 0) + 1);
  const perSecond = (count: number) => (count * 1000) / (untilMs - fromMs);
  return {
    node: perSecond(Math.max(0, ...counts.values())),
    all: perSecond(beacons.length),
    unicast: perSecond(seen.length - beacons.length),
  };
}

/** Each has one peer that is here, and others that are not. */
it('200 nodes that look for absent peers each load their network with a bounded number of beacons', async () => {
  const clock = new FakeClock();
  const lan = new MemoryLan(clock);
  const identities = Array.from({ length: NODES }, (_, index) => identityOf(1000 + index));
  const absent = Array.from({ length: ABSENT }, (_, index) => identityOf(5000 + index));
  const nodes = identities.map((identity, index) => {
    const partner = identities[index ^ 1] ?? identity;
    const peers = [partner, ...absent];
    const node = new TestNode(identity, peers, { clock, network: lan.host(`192.0.2.${index}`), seed: index });
    return { node, peers };
  });
  await Promise.all(nodes.map(({ node }) => node.start()));
  await clock.advance(200);
  for (const { node, peers } of nodes) for (const peer of peers) node.publish(peer, 'here');
  const startMs = clock.now();
  for (let second = 0; second < RUN_MS / 1000; second += 1) await clock.advance(1000);
  const first = rates(lan, startMs, startMs + 10_000);
  const later = rates(lan, startMs + RUN_MS / 2, startMs + RUN_MS);
  for (const [when, { node, all, unicast }] of Object.entries({ 'first 10 s': first, 'second half': later }))
    console.log(
      `  ${NODES} nodes, ${when}: beacons a second: ${node.toFixed(2)} of the busiest node, ${all.toFixed(1)} of all; ` +
        `frames a second of all: ${unicast.toFixed(1)}`,
    );
  expect(nodes.every(({ node }) => node.received.length === 1)).toBe(true);
  expect(first.node).toBeLessThanOrEqual(BEACONS_PER_SECOND + BEACON_BURST / 10);
  expect(later.node).toBeLessThanOrEqual(0.5);
  expect(later.all).toBeLessThanOrEqual(40);
  await Promise.all(nodes.map(({ node }) => node.client.stop()));
}, 300_000);
