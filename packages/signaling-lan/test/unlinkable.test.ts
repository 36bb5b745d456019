import { FakeClock, type Identity } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import { DATAGRAM_BYTES, TAG_BYTES } from '../src/protocol/lan-v1.js';
import { MemoryLan } from './memory-lan.js';
import { identityOf, OPENED_MS, TestNode } from './support.js';

/** What a stranger saw of one run. */
type Capture = readonly Buffer[];
/** How much two captures look like two runs of one node: the greater, the more. */
type Distinguisher = (one: Capture, other: Capture) => number;

const TRIALS = 120;
/** Two standard deviations of a fair coin are 0.09. */
const CHANCE = 0.14;

/** A pair meets, and parts; the stranger records both. */
async function captureOf(clock: FakeClock, a: Identity, b: Identity, seed: number): Promise<Capture> {
  const lan = new MemoryLan(clock);
  const node = (own: Identity, peer: Identity, ip: string, at: number) =>
    new TestNode(own, [peer], { clock, network: lan.host(ip), seed: at });
  const nodes = [node(a, b, '192.0.2.1', 2 * seed), node(b, a, '192.0.2.2', 2 * seed + 1)];
  await Promise.all(nodes.map((one) => one.start()));
  await clock.advance(OPENED_MS);
  nodes[0]?.publish(b, 'a description of where this node is');
  nodes[1]?.publish(a, 'another');
  await clock.advance(500);
  await Promise.all(nodes.map((one) => one.client.stop()));
  expect(lan.seen.length).toBeGreaterThan(2);
  return lan.seen.map(({ bytes }) => bytes);
}

const blocks = (capture: Capture, size: number) =>
  new Set(
    capture.flatMap((bytes) =>
      Array.from({ length: DATAGRAM_BYTES / size }, (_, i) => bytes.toString('hex', i * size, (i + 1) * size)),
    ),
  );
const shared = (size: number): Distinguisher => {
  return (one, other) => {
    const known = blocks(one, size);
    return [...blocks(other, size)].filter((block) => known.has(block)).length;
  };
};
const meanAt = (capture: Capture, at: number) =>
  capture.reduce((sum, bytes) => sum + (bytes[at] ?? 0), 0) / capture.length;
const bitsOf = (capture: Capture) => {
  const all = Buffer.concat([...capture]);
  return all.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0) / (8 * all.length);
};

const DISTINGUISHERS: Readonly<Record<string, Distinguisher>> = {
  'tags that both have': shared(TAG_BYTES),
  'words of 4 bytes that both have': shared(4),
  'words of 2 bytes that both have': shared(2),
  'bytes at the same place of the first datagram': (one, other) =>
    [...(one[0] ?? [])].filter((byte, at) => byte === other[0]?.[at]).length,
  'the first byte': (one, other) => -Math.abs(meanAt(one, 0) - meanAt(other, 0)),
  'the byte with the top bit of an X25519 key': (one, other) => -Math.abs(meanAt(one, 31) - meanAt(other, 31)),
  'how many bits are set': (one, other) => -Math.abs(bitsOf(one) - bitsOf(other)),
  'how many datagrams': (one, other) => -Math.abs(one.length - other.length),
  lengths: (one, other) => -Math.abs(Buffer.concat([...one]).length - Buffer.concat([...other]).length),
};

describe('whoever records two runs, one right after the other', () => {
  it('cannot tell those of one pair of nodes from those of two pairs', async () => {
    const clock = new FakeClock();
    const wins = new Map(Object.keys(DISTINGUISHERS).map((name) => [name, 0]));
    for (let trial = 0; trial < TRIALS; trial += 1) {
      const [a, b, c, d] = [0, 1, 2, 3].map((index) => identityOf(100 + 4 * trial + index)) as [
        Identity,
        Identity,
        Identity,
        Identity,
      ];
      const first = await captureOf(clock, a, b, 3 * trial);
      const same = await captureOf(clock, a, b, 3 * trial + 1);
      const other = await captureOf(clock, c, d, 3 * trial + 2);
      for (const [name, likeness] of Object.entries(DISTINGUISHERS)) {
        const [ofSame, ofOther] = [likeness(first, same), likeness(first, other)];
        wins.set(name, (wins.get(name) ?? 0) + (ofSame === ofOther ? 0.5 : ofSame > ofOther ? 1 : 0));
      }
    }
    for (const [name, count] of wins) {
      const right = count / TRIALS;
      console.log(`  right by ${name}: ${(100 * right).toFixed(0)} % of ${TRIALS}`);
      expect(Math.abs(right - 0.5), name).toBeLessThan(CHANCE);
    }
  });

  it('is told apart by a tag that comes twice, so that the test above can fail', async () => {
    const clock = new FakeClock();
    const [a, b] = [identityOf(1), identityOf(2)];
    const capture = await captureOf(clock, a, b, 1);
    expect(shared(TAG_BYTES)(capture, capture)).toBeGreaterThan(0);
  });
});
