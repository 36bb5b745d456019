import { describe, expect, it } from 'vitest';
import { CallSchedule } from '../../../src/engine/peer/call-schedule.js';

type Happening = (schedule: CallSchedule, now: number) => void;
const news: Happening = (schedule, now) => schedule.request(now);
const calls: Happening = (schedule, now) => schedule.retrySoon(now, MIDDLE);
const settles: Happening = (schedule) => schedule.settle();
const fades: Happening = (schedule) => schedule.fadeOut();

/** Jitter that changes nothing. */
const MIDDLE = 0.5;

/** What is sent until then, and when. */
function play(happenings: readonly (readonly [number, Happening])[], untilMs: number, jitter = MIDDLE): string[] {
  const schedule = new CallSchedule();
  const sent: string[] = [];
  const left = [...happenings];
  for (;;) {
    const [at, happens] = left[0] ?? [Infinity, undefined];
    const due = schedule.nextTimeout() ?? Infinity;
    if (Math.min(at, due) > untilMs) return sent;
    if (at <= due) {
      left.shift();
      happens?.(schedule, at);
    } else sent.push(`${due} ${schedule.takeDue(due, jitter)}`);
  }
}

describe('when the peer is told where we are', () => {
  it.each<[string, readonly (readonly [number, Happening])[], number, string[]]>([
    ['never unasked', [], 600_000, []],
    ['at once when there is news', [[5, news]], 1000, ['5 news']],
    [
      '40 ms after the message before it',
      [
        [0, news],
        [10, news],
      ],
      1000,
      ['0 news', '40 news'],
    ],
    [
      'once for all that changes in between',
      [
        [0, news],
        [10, news],
        [30, news],
      ],
      1000,
      ['0 news', '40 news'],
    ],
    [
      'at once again where the spacing is over',
      [
        [0, news],
        [40, news],
      ],
      1000,
      ['0 news', '40 news'],
    ],
    [
      'again and again while it is not connected: after 1 s, 2 s and so on, to 3 min, for ever',
      [[0, calls]],
      900_000,
      [1, 3, 7, 15, 31, 63, 127, 255, 435, 615, 795].map((seconds) => `${seconds * 1000} retry`),
    ],
    [
      'no more once it is connected',
      [
        [0, calls],
        [3500, settles],
      ],
      600_000,
      ['1000 retry', '3000 retry'],
    ],
    [
      'from short delays on when it begins anew',
      [
        [0, calls],
        [7500, calls],
      ],
      9000,
      ['1000 retry', '3000 retry', '7000 retry', '8500 retry'],
    ],
    [
      'five times more at most where a better path may turn up',
      [[0, calls], ...[1, 3, 7, 15, 31, 63].map((s) => [s * 1000 + 1, fades] as const)],
      600_000,
      ['1000 retry', '3000 retry', '7000 retry', '15000 retry', '31000 retry'],
    ],
    [
      'a call says what is new too',
      [
        [0, calls],
        [999, news],
        [2980, news],
      ],
      3000,
      ['999 news', '1000 retry', '2980 news', '3000 retry'],
    ],
  ])('%s', (_what, happenings, untilMs, expected) => {
    expect(play(happenings, untilMs)).toEqual(expected);
  });

  it.each([
    [0, 750],
    [1, 1250],
  ])('with jitter %d the first call is repeated after %d ms: a quarter earlier or later', (jitter, ms) => {
    const schedule = new CallSchedule();
    schedule.retrySoon(0, jitter);
    expect(schedule.nextTimeout()).toBe(ms);
  });
});
