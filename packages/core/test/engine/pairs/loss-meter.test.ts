import { describe, expect, it } from 'vitest';
import { LossMeter } from '../../../src/engine/pairs/loss-meter.js';
import { LOSS_SMOOTHING } from '../../../src/engine/timings.js';

/** A check each second, answered or lost as the letters say: `+` or `-`. @returns whether the pair died of it. */
function play(meter: LossMeter, pattern: string, { fromMs = 0, gapMs = 1000, isProven = true } = {}): boolean {
  let isDead = false;
  for (const [index, letter] of [...pattern, '+'].entries()) {
    const now = fromMs + index * gapMs;
    isDead ||= meter.checkSent(now, 20, isProven);
    if (letter === '+') meter.answered(now);
  }
  return isDead;
}

const lossy = () => {
  const meter = new LossMeter();
  play(meter, '--+'.repeat(20));
  return meter;
};

describe('a pair is', () => {
  it.each<[string, string, { gapMs?: number; isProven?: boolean }, { isLossy?: boolean; isDead?: boolean }]>([
    ['clean where every check is answered', '+'.repeat(60), {}, { isLossy: false, isDead: false }],
    ['clean where one in five is lost', '++++-'.repeat(20), {}, { isLossy: false, isDead: false }],
    ['lossy where two in three are lost', '--+'.repeat(20), {}, { isLossy: true, isDead: false }],
    ['alive where four in a row are lost', '++----++', {}, { isLossy: false, isDead: false }],
    ['dead where five are', '++-----', {}, { isDead: true }],
    [
      'clean where it was silent before it was proven',
      '--------',
      { isProven: false },
      { isLossy: false, isDead: false },
    ],
  ])('%s', (_what, pattern, options, expected) => {
    const meter = new LossMeter();
    const isDead = play(meter, pattern, options);
    expect({ isLossy: meter.isLossy, isDead }).toMatchObject(expected);
  });

  it('not said to have lost more than one check by a blink of half a second, however many went out in it', () => {
    const meter = new LossMeter();
    play(meter, '-'.repeat(10), { gapMs: 40 });
    meter.checkSent(1000, 20, true);
    expect(meter.ratio).toBeCloseTo(LOSS_SMOOTHING);
  });

  it('lossy until it loses less than a tenth, not less than a third', () => {
    const meter = lossy();
    play(meter, '+'.repeat(15), { fromMs: 100_000 });
    expect(meter.ratio).toBeLessThan(0.3);
    expect(meter.isLossy).toBe(true);
    play(meter, '+'.repeat(25), { fromMs: 200_000 });
    expect(meter.ratio).toBeLessThan(0.1);
    expect(meter.isLossy).toBe(false);
  });

  it.each([
    ['clean', () => new LossMeter(), false],
    ['lossy', lossy, true],
  ])('%s again when it comes back, if it was that before it died', (_what, made, isLossy) => {
    const meter = made();
    const before = meter.ratio;
    expect(play(meter, '-----', { fromMs: 100_000 })).toBe(true);
    meter.died();
    expect(meter.isLossy).toBe(isLossy);
    expect(meter.ratio).toBeCloseTo(before);
  });

  it.each([
    ['half a second', 20, 500],
    ['three round trips', 400, 1200],
  ])('not said to have lost a check before %s are over', (_what, rttMs, ms) => {
    const late = new LossMeter();
    late.checkSent(0, rttMs, true);
    late.checkSent(ms, rttMs, true);
    expect(late.ratio).toBe(0);
    late.checkSent(ms + 1, rttMs, true);
    expect(late.ratio).toBeGreaterThan(0);
  });
});
