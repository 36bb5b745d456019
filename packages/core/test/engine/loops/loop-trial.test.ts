import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  GREATEST_OVERHEAD,
  LARGEST_CHECK_BYTES,
  LEAST_OVERHEAD,
  LoopTrial,
  type TrialVerdict,
} from '../../../src/engine/loops/loop-trial.js';
import { seededRandom } from '../two-engines.js';

/** @param packets sizes of what comes out of the interface between a check of this size and its answer. */
function verdictOf(seed: number, packets: (checkBytes: number) => readonly number[]) {
  const trial = new LoopTrial(0, seededRandom(seed));
  for (let rounds = 1; ; rounds += 1) {
    const size = trial.takeSize();
    if (size === undefined) throw new Error('a trial that does not end');
    const differences = packets(size).map((packet) => packet - size);
    const overheads = [...new Set(differences)].filter((one) => one >= LEAST_OVERHEAD && one <= GREATEST_OVERHEAD);
    const verdict: TrialVerdict = trial.answered(overheads);
    if (verdict !== 'again') return { verdict, rounds, evidence: trial.evidence };
  }
}

/** How many of two hundred trials end so. */
function count(verdict: TrialVerdict, packets: (size: number, random: () => number) => readonly number[]): number {
  return Array.from({ length: 200 }, (_, seed) => {
    const bytes = seededRandom(seed + 10_000);
    const random = () => ((bytes(1)[0] ?? 0) * 256 + (bytes(1)[0] ?? 0)) / 65_536;
    return verdictOf(seed, (size) => packets(size, random)).verdict;
  }).filter((one) => one === verdict).length;
}

const uniform = (random: () => number) => Math.floor(40 + random() * 1380);
const some = <T>(howMany: number, make: () => T) => Array.from({ length: howMany }, make);

describe('a trial of checks of random sizes', () => {
  it('takes three that come out with the same overhead for a loop, and says so', () => {
    const { verdict, rounds, evidence } = verdictOf(1, (size) => [size + 92]);
    expect([verdict, rounds]).toEqual(['loop', 3]);
    expect(evidence).toMatch(/each of 3 checks of random sizes .* 92 bytes larger/);
  });

  it.each([
    ['UDP over IPv4 in IPv4', (size: number) => size + 48],
    ['WireGuard over IPv4, which pads to 16', (size: number) => Math.ceil((size + 28) / 16) * 16 + 60],
    ['two overlays in each other', (size: number) => Math.ceil((size + 28) / 16) * 16 + 60 + 80],
    ['a cipher with blocks of 8', (size: number) => Math.ceil((size + 29) / 8) * 8 + 70],
  ])('finds %s', (_, wrapped) => {
    fc.assert(fc.property(fc.nat(), (seed) => verdictOf(seed, (size) => [wrapped(size)]).verdict === 'loop'));
  });

  it('finds it among other traffic, with more of them', () => {
    expect(count('loop', (size, random) => [size + 92, ...some(30, () => uniform(random))])).toBe(200);
    expect(count('loop', (size, random) => [size + 92, ...some(100, () => uniform(random))])).toBe(200);
  });

  it.each<[string, (size: number, random: () => number) => readonly number[]]>([
    ['nothing', () => []],
    ['an echo each', () => [84]],
    ['a call, whose packets are of one size', () => some(20, () => 200)],
    ['a transfer', () => some(200, () => 1420)],
    [
      'packets of a few sizes',
      (_, random) => some(10, () => [120, 248, 300, 404, 512, 700][Math.floor(random() * 6)] ?? 0),
    ],
    ['one of any size', (_, random) => [uniform(random)]],
    ['ten of any size', (_, random) => some(10, () => uniform(random))],
    ['a hundred of any size', (_, random) => some(100, () => uniform(random))],
    ['a thousand of any size', (_, random) => some(1000, () => uniform(random))],
  ])('is not misled by %s meanwhile', (_, packets) => {
    expect(count('loop', packets)).toBeLessThanOrEqual(1);
  });

  it('is hardly ever misled by what another WireGuard sends through the tunnel', () => {
    const padded = (random: () => number) => Math.ceil(uniform(random) / 16) * 16 + 60;
    for (const howMany of [1, 3, 10, 50])
      expect(count('loop', (_, random) => some(howMany, () => padded(random)))).toBeLessThanOrEqual(2);
  });

  it('uses each size once, in steps that every block cipher pads alike, and none that could not pass', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const trial = new LoopTrial(0, seededRandom(seed));
        const sizes: number[] = [];
        for (let size = trial.takeSize(); size !== undefined; size = trial.takeSize()) sizes.push(size);
        expect(new Set(sizes).size).toBe(32);
        expect(new Set(sizes.map((size) => size % 16)).size).toBe(1);
        expect(Math.max(...sizes)).toBe(LARGEST_CHECK_BYTES);
        expect(LARGEST_CHECK_BYTES + GREATEST_OVERHEAD).toBeLessThanOrEqual(1280);
      }),
    );
  });
});
