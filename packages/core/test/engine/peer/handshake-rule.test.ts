import { describe, expect, it } from 'vitest';
import { HandshakeRule } from '../../../src/engine/peer/handshake-rule.js';

type Happening = (rule: HandshakeRule, now: number) => void;
const proven =
  (path: string, rttMs = 10): Happening =>
  (rule, now) =>
    rule.pathReady(path, rttMs, now);
const completes: Happening = (rule) => rule.completed();
const restarted: Happening = (rule) => rule.reset();

/** When an initiation is sent. */
function play(greater: boolean, happenings: readonly (readonly [number, Happening])[], untilMs: number): number[] {
  const rule = new HandshakeRule(greater);
  const sentAt: number[] = [];
  const left = [...happenings];
  for (;;) {
    const [at, happens] = left[0] ?? [Infinity, undefined];
    const due = rule.nextTimeout() ?? Infinity;
    if (Math.min(at, due) > untilMs) return sentAt;
    if (at <= due) {
      left.shift();
      happens?.(rule, at);
    } else if (rule.takeDue(due)) sentAt.push(due);
  }
}

const GREATER = true;
const LESSER = false;

describe('who starts the handshake, and when', () => {
  it.each<[string, boolean, readonly (readonly [number, Happening])[], number, number[]]>([
    ['nobody before a path is proven', GREATER, [], 60_000, []],
    [
      'the side with the greater key at once',
      GREATER,
      [
        [500, proven('p')],
        [520, completes],
      ],
      60_000,
      [500],
    ],
    [
      'the other not, where that one did',
      LESSER,
      [
        [500, proven('p')],
        [520, completes],
      ],
      60_000,
      [],
    ],
    ['the other after 100 ms, where nothing came', LESSER, [[500, proven('p')]], 600, [600]],
    ['or three round trips, where they are longer', LESSER, [[500, proven('p', 200)]], 1100, [1100]],
    [
      'a lost initiation is repeated after 250 ms, doubling to 5 s',
      GREATER,
      [[0, proven('p')]],
      20_000,
      [0, 250, 750, 1750, 3750, 7750, 12_750, 17_750],
    ],
    ['not before three round trips are over', GREATER, [[0, proven('p', 200)]], 1000, [0, 600]],
    [
      'the same path proven again changes nothing',
      GREATER,
      [
        [0, proven('p')],
        [100, proven('p')],
      ],
      400,
      [0, 250],
    ],
    [
      'another path has one sent on it at once',
      GREATER,
      [
        [0, proven('p')],
        [100, proven('q')],
      ],
      349,
      [0, 100],
    ],
    [
      'and begins with short delays again',
      GREATER,
      [
        [0, proven('p')],
        [2000, proven('q')],
      ],
      2300,
      [0, 250, 750, 1750, 2000, 2250],
    ],
    [
      'none where there is a session',
      GREATER,
      [
        [0, completes],
        [10, proven('p')],
      ],
      60_000,
      [],
    ],
    [
      'again once the peer was restarted',
      GREATER,
      [
        [0, proven('p')],
        [1, completes],
        [50, restarted],
        [60, proven('p')],
      ],
      70,
      [0, 60],
    ],
  ])('%s', (_what, greater, happenings, untilMs, expected) => {
    expect(play(greater, happenings, untilMs)).toEqual(expected);
  });
});
