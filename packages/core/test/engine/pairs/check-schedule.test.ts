import { describe, expect, it } from 'vitest';
import { CheckSchedule } from '../../../src/engine/pairs/check-schedule.js';

const GAPS = [60, 100, 160, 260, 420, 680, 1000, 1000, 1000];

describe('ordinary checks of a pair', () => {
  it('are due at once, then after growing gaps, then each second', () => {
    const schedule = new CheckSchedule();
    schedule.start(5000);
    let now = 5000;
    for (const gap of GAPS) {
      expect(schedule.nextAt).toBe(now);
      schedule.sent(now);
      now += gap;
    }
    expect(schedule.attempts).toBe(GAPS.length);
  });

  it.each<[string, (schedule: CheckSchedule) => void, number | undefined]>([
    ['none is due before probing starts', () => {}, undefined],
    [
      'none is due once it has stopped',
      (schedule) => (schedule.start(0), schedule.sent(0), schedule.stop()),
      undefined,
    ],
    ['begin anew with short gaps', (schedule) => (playOut(schedule), schedule.start(9000), schedule.sent(9000)), 9060],
  ])('%s', (_what, happens, nextAt) => {
    const schedule = new CheckSchedule();
    happens(schedule);
    expect(schedule.nextAt).toBe(nextAt);
  });
});

function playOut(schedule: CheckSchedule): void {
  schedule.start(0);
  for (let i = 0; i < 8; i += 1) schedule.sent(schedule.nextAt ?? 0);
}

describe('a check of the peer', () => {
  it.each([
    ['triggers one of ours at once, even right after an ordinary one', [1], [true]],
    ['and not again before the gap is over', [1, 60], [true, false]],
    ['but then', [1, 61], [true, true]],
    ['with growing gaps', [1, 61, 160, 161], [true, true, false, true]],
  ])('%s', (_what, times, expected) => {
    const schedule = new CheckSchedule();
    schedule.start(0);
    schedule.sent(0);
    const may = times.map((now) => {
      const triggers = schedule.mayTrigger(now);
      if (triggers) schedule.sent(now);
      return triggers;
    });
    expect(may).toEqual(expected);
  });
});
