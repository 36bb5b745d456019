import { describe, expect, it } from 'vitest';
import type { NatBehavior, NatDependence } from '../../../src/contracts/nat-behavior.js';
import { ATTEMPT_MS, EXTRA_BASES, GUESSES, HardNatAttempt } from '../../../src/engine/hard-nat/hard-nat-attempt.js';
import { hardNatObstacle, hardNatPart } from '../../../src/engine/hard-nat/hard-nat-part.js';
import { predictPorts } from '../../../src/engine/hard-nat/port-guesses.js';
import { seededRandom } from '../two-engines.js';

const nat = (mapping: NatDependence | null): NatBehavior => ({ mapping, filtering: 'address-and-port-dependent' });
const easy = nat('endpoint-independent');
const hard = nat('address-and-port-dependent');
const unknown = nat(null);

describe('the part in an attempt', () => {
  it.each([
    ['our mapping is the unknown one', hard, easy, 'many-bases'],
    ['the same, by address only', nat('address-dependent'), easy, 'many-bases'],
    ["the peer's is", easy, hard, 'many-guesses'],
    ['ordinary checks do', easy, easy, undefined],
    ['nothing does', hard, hard, undefined],
    ['ours is not known', unknown, hard, undefined],
    ["the peer's is not known", hard, unknown, undefined],
  ] as const)('%s', (_what, local, remote, part) => {
    expect(hardNatPart(local, remote)).toBe(part);
  });

  it('where nothing does, the reason is told', () => {
    expect(hardNatObstacle(hard, hard)).toMatch(/symmetric/);
    expect(hardNatObstacle(hard, easy)).toBeUndefined();
    expect(hardNatObstacle(unknown, hard)).toBeUndefined();
  });
});

/** What an attempt does from start to end. */
function play<T>(attempt: HardNatAttempt, take: (now: number) => T | undefined): { at: number; what: T }[] {
  const done: { at: number; what: T }[] = [];
  for (let now = attempt.endsAt - ATTEMPT_MS; now < attempt.endsAt; now = Math.max(now + 0.5, attempt.nextTimeout())) {
    const what = take(now);
    if (what !== undefined) done.push({ at: now, what });
  }
  return done;
}

describe('guessing', () => {
  const attempt = new HardNatAttempt({ part: 'many-guesses', now: 1000, seenPorts: [], random: seededRandom(7) });
  const guesses = play(attempt, (now) => attempt.takePort(now));

  it('draws no port twice, none below 1024, and no more than the bound', () => {
    const ports = guesses.map(({ what }) => what);
    expect(ports.length).toBe(GUESSES);
    expect(new Set(ports).size).toBe(GUESSES);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(1024);
    expect(Math.max(...ports)).toBeLessThanOrEqual(65535);
  });

  it('spreads over the whole range', () => {
    const thirds = [0, 0, 0];
    for (const { what } of guesses) thirds[Math.floor((what - 1024) / 21504)]! += 1;
    for (const third of thirds) expect(third).toBeGreaterThan(GUESSES / 3 - 100);
  });

  it('keeps its pace', () => {
    for (let i = 1; i < guesses.length; i += 1) expect(guesses[i]!.at - guesses[i - 1]!.at).toBeGreaterThanOrEqual(4);
  });
});

describe('guessing where ports are given out in sequence', () => {
  it.each([
    [[40_010, 40_011], 40_012, 'the next ones first'],
    [[40_100, 40_010], 40_101, 'whatever the order'],
    [[65_500, 65_530], 65_531, 'not beyond the last port'],
  ])('%j: %i comes first, %s', (seenPorts, first) => {
    const predicted = predictPorts(seenPorts);
    expect(predicted[0]).toBe(first);
    expect(Math.max(...predicted)).toBeLessThanOrEqual(65_535);
    expect(predicted).not.toContain(seenPorts[0]);
    const attempt = new HardNatAttempt({ part: 'many-guesses', now: 0, seenPorts, random: seededRandom(7) });
    const guesses = play(attempt, (now) => attempt.takePort(now)).map(({ what }) => what);
    expect(guesses.slice(0, predicted.length)).toEqual(predicted);
    expect(new Set(guesses).size).toBe(GUESSES);
  });

  it.each([[[40_010]], [[40_010, 40_010]], [[40_010, 52_000]], [[]]])('%j shows no sequence', (seenPorts) => {
    expect(predictPorts(seenPorts)).toEqual([]);
  });
});

describe('opening bases', () => {
  it('waits for them, opens each once, and again before common NATs forget', () => {
    const attempt = new HardNatAttempt({ part: 'many-bases', now: 0, seenPorts: [], random: seededRandom(7) });
    expect(attempt.takeBase(50)).toBeUndefined();
    const ids = Array.from({ length: EXTRA_BASES }, (_, i) => `base-${i}`);
    attempt.basesOpened(ids, 100);
    const opened = play(attempt, (now) => (now < 100 ? undefined : attempt.takeBase(now)));
    const firstRound = opened.slice(0, EXTRA_BASES);
    expect(new Set(firstRound.map(({ what }) => what)).size).toBe(EXTRA_BASES);
    expect(firstRound.at(-1)!.at).toBeLessThan(1000);
    expect(opened[EXTRA_BASES]!.at - firstRound.at(-1)!.at).toBe(10_000);
  });

  it('does nothing where the system gives no sockets', () => {
    const attempt = new HardNatAttempt({ part: 'many-bases', now: 0, seenPorts: [], random: seededRandom(7) });
    attempt.basesOpened([], 100);
    expect(attempt.takeBase(200)).toBeUndefined();
  });
});
