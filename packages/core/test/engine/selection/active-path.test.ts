import { describe, expect, it } from 'vitest';
import { ActivePath } from '../../../src/engine/selection/active-path.js';
import { provenPair } from '../sample-pairs.js';

interface Seen {
  readonly trust: string;
  readonly doubtful: boolean;
  /** When a check was due, and sent. */
  readonly checksAt: number[];
}

type Happening = (path: ActivePath, now: number) => void;
const sends: Happening = (path, now) => path.sent(now);
const hears: Happening = (path, now) => path.heard(now);
const answer: Happening = (path, now) => path.heard(now, { isAnswer: true });
const kept: Happening = (path, now) => path.kept(now);
const distrusted: Happening = (path, now) => path.distrust(now);
const called: Happening = (path) => path.demandAnswer();

/** Lets a path live until then, as an agent does: what is due is done when it is due. */
function live(
  happenings: readonly (readonly [number, Happening])[],
  { untilMs, keepaliveMs = 25_000, rttMs = 20 }: { untilMs: number; keepaliveMs?: number; rttMs?: number },
): Seen {
  const path = new ActivePath(provenPair({ rttMs }), () => keepaliveMs, 0);
  const checksAt: number[] = [];
  const left = [...happenings];
  let now = 0;
  for (;;) {
    const [at, happens] = left[0] ?? [Infinity, undefined];
    const due = Math.max(now, path.nextTimeout() ?? Infinity);
    now = Math.min(at, due);
    if (now > untilMs) break;
    if (at <= due) {
      left.shift();
      happens?.(path, at);
    } else if (path.handleTimeout(due)) {
      checksAt.push(due);
      path.probed(due);
    }
  }
  return { trust: path.trust, doubtful: path.isDoubtful, checksAt };
}

const every = (ms: number, fromMs: number, toMs: number, ...what: Happening[]) =>
  Array.from({ length: Math.floor((toMs - fromMs) / ms) + 1 }, (_, i) =>
    what.map((happens) => [fromMs + i * ms, happens] as const),
  ).flat();

describe('trust in the path in use', () => {
  it.each<[string, readonly (readonly [number, Happening])[], { untilMs: number; rttMs?: number }, Partial<Seen>]>([
    ['holds while nothing is sent', [], { untilMs: 1999 }, { trust: 'trusted', doubtful: false, checksAt: [] }],
    ['is in doubt after two seconds without a sound', [], { untilMs: 2000 }, { trust: 'trusted', doubtful: true }],
    [
      'is not in doubt while something comes in',
      every(500, 0, 5000, hears),
      { untilMs: 5400 },
      { trust: 'trusted', doubtful: false },
    ],
    ['asks after 100 ms of sending without hearing', [[10, sends]], { untilMs: 110 }, { checksAt: [110] }],
    ['does not ask before', [[10, sends]], { untilMs: 109 }, { checksAt: [] }],
    [
      'asks at once where it was in doubt when something was sent',
      [[3000, sends]],
      { untilMs: 3000 },
      { checksAt: [3000] },
    ],
    [
      'is suspect where the answer takes longer than 100 ms',
      [[0, sends]],
      { untilMs: 200 },
      { trust: 'suspect', checksAt: [100, 200] },
    ],
    ['and not before', [[0, sends]], { untilMs: 199 }, { trust: 'trusted' }],
    [
      'gives a slow path two round trips',
      [[0, sends]],
      { untilMs: 699, rttMs: 300 },
      { trust: 'trusted', checksAt: [100] },
    ],
    ['and no longer', [[0, sends]], { untilMs: 700, rttMs: 300 }, { trust: 'suspect' }],
    [
      'asks ever more slowly while it is suspect',
      [[0, sends]],
      { untilMs: 800 },
      { checksAt: [100, 200, 300, 450, 675] },
    ],
    ['is lost after three seconds of suspicion', [[0, sends]], { untilMs: 3200 }, { trust: 'lost' }],
    ['and not before', [[0, sends]], { untilMs: 3199 }, { trust: 'suspect' }],
    [
      'comes back with anything that comes in',
      [
        [0, sends],
        [2000, hears],
      ],
      { untilMs: 2000 },
      { trust: 'trusted' },
    ],
    [
      'comes back even when it was lost',
      [
        [0, sends],
        [9000, hears],
      ],
      { untilMs: 9000 },
      { trust: 'trusted' },
    ],
    ['is suspect at once where the network changed', [[5, distrusted]], { untilMs: 5 }, { trust: 'suspect' }],
    [
      'comes back by an answer alone once the peer has called',
      [
        [0, sends],
        [1000, called],
        [1100, hears],
      ],
      { untilMs: 1100 },
      { trust: 'suspect' },
    ],
    [
      'and by the answer',
      [
        [0, sends],
        [1000, called],
        [1100, answer],
      ],
      { untilMs: 1100 },
      { trust: 'trusted' },
    ],
  ])('%s', (_what, happenings, options, expected) => {
    expect(live(happenings, options)).toMatchObject(expected);
  });
});

describe('an idle path', () => {
  it.each<[string, readonly (readonly [number, Happening])[], { untilMs: number; keepaliveMs?: number }, number[]]>([
    [
      'is asked once per keepalive interval',
      every(25_000, 25_010, 75_010, answer),
      { untilMs: 80_000 },
      [25_000, 50_000, 75_000],
    ],
    [
      'is asked later where data went out',
      [
        [10_000, sends],
        [10_010, hears],
      ],
      { untilMs: 12_000 },
      [10_000],
    ],
    ['is asked later where our answers keep the binding', [[20_000, kept]], { untilMs: 45_000 }, [45_000]],
    ['is never asked without a keepalive', [], { untilMs: 600_000, keepaliveMs: 0 }, []],
  ])('%s', (_what, happenings, options, checksAt) => {
    expect(live(happenings, options).checksAt).toEqual(checksAt);
  });
});

describe('a path that carries data', () => {
  it('is asked every two seconds although it is never silent: for its round trip and loss', () => {
    const { checksAt, trust } = live(every(50, 0, 7000, sends, hears), { untilMs: 7000 });
    expect(checksAt).toEqual([2000, 4000, 6000]);
    expect(trust).toBe('trusted');
  });
});
