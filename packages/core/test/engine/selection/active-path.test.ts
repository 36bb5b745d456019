import { describe, expect, it } from 'vitest';
import { ActivePath } from '../../../src/engine/selection/active-path.js';
import {
  isAlive,
  nextPhase,
  silenceOf,
  type Happening,
  type Phase,
  type PhaseName,
} from '../../../src/engine/selection/phase.js';
import { provenPair } from '../sample-pairs.js';

interface Seen {
  readonly phase: PhaseName;
  readonly doubtful: boolean;
  /** When a check was due, and sent. */
  readonly checksAt: number[];
}

/** @returns what it means for the phase, if anything. */
type Happens = (path: ActivePath, now: number) => Happening | void;
const sends: Happens = (path, now) => path.sent(now);
const hears: Happens = (path, now) => (path.heard(now) ? { type: 'heard' } : undefined);
const answer: Happens = (path, now) => (path.heard(now, { isAnswer: true }) ? { type: 'heard' } : undefined);
const kept: Happens = (path, now) => path.kept(now);
const distrusted: Happens = (path, now) => {
  path.distrust(now);
  return { type: 'network-changed', now };
};
const called: Happens = (path) => path.demandAnswer();

/** Lets a path live until then, as an agent does: what is due is done when it is due. */
function live(
  happenings: readonly (readonly [number, Happens])[],
  { untilMs, keepaliveMs = 25_000, rttMs = 20 }: { untilMs: number; keepaliveMs?: number; rttMs?: number },
): Seen {
  const path = new ActivePath(provenPair({ rttMs }), 0);
  let phase: Phase = { name: 'connected', path };
  const enter = (what: Happening | void) => {
    if (what) phase = nextPhase(phase, what, { isDescribed: true, hasSession: true });
  };
  const times = () => ({ silentSinceMs: silenceOf(phase)?.sinceMs, keepaliveMs });
  const checksAt: number[] = [];
  const left = [...happenings];
  let now = 0;
  for (;;) {
    const [at, happens] = left[0] ?? [Infinity, undefined];
    const due = isAlive(phase) ? Math.max(now, path.nextTimeout(times())) : Infinity;
    now = Math.min(at, due);
    if (now > untilMs) break;
    if (at <= due) {
      left.shift();
      enter(happens?.(path, at));
      continue;
    }
    const { ask, became } = path.handleTimeout(due, times());
    if (became !== undefined) enter({ type: became, now: due });
    if (!ask) continue;
    checksAt.push(due);
    path.probed(due);
  }
  return { phase: phase.name, doubtful: path.isDoubtful, checksAt };
}

const every = (ms: number, fromMs: number, toMs: number, ...what: Happens[]) =>
  Array.from({ length: Math.floor((toMs - fromMs) / ms) + 1 }, (_, i) =>
    what.map((happens) => [fromMs + i * ms, happens] as const),
  ).flat();

describe('trust in the path in use', () => {
  it.each<[string, readonly (readonly [number, Happens])[], { untilMs: number; rttMs?: number }, Partial<Seen>]>([
    ['holds while nothing is sent', [], { untilMs: 1999 }, { phase: 'connected', doubtful: false, checksAt: [] }],
    ['is in doubt after two seconds without a sound', [], { untilMs: 2000 }, { phase: 'connected', doubtful: true }],
    [
      'is not in doubt while something comes in',
      every(500, 0, 5000, hears),
      { untilMs: 5400 },
      { phase: 'connected', doubtful: false },
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
      { phase: 'suspect', checksAt: [100, 200] },
    ],
    ['and not before', [[0, sends]], { untilMs: 199 }, { phase: 'connected' }],
    [
      'gives a slow path two round trips',
      [[0, sends]],
      { untilMs: 699, rttMs: 300 },
      { phase: 'connected', checksAt: [100] },
    ],
    ['and no longer', [[0, sends]], { untilMs: 700, rttMs: 300 }, { phase: 'suspect' }],
    [
      'asks ever more slowly while it is suspect',
      [[0, sends]],
      { untilMs: 800 },
      { checksAt: [100, 200, 300, 450, 675] },
    ],
    ['is lost after three seconds of suspicion', [[0, sends]], { untilMs: 3200 }, { phase: 'lost' }],
    ['and not before', [[0, sends]], { untilMs: 3199 }, { phase: 'suspect' }],
    [
      'comes back with anything that comes in',
      [
        [0, sends],
        [2000, hears],
      ],
      { untilMs: 2000 },
      { phase: 'connected' },
    ],
    [
      'comes back even when it was lost',
      [
        [0, sends],
        [9000, hears],
      ],
      { untilMs: 9000 },
      { phase: 'connected' },
    ],
    ['is suspect at once where the network changed', [[5, distrusted]], { untilMs: 5 }, { phase: 'suspect' }],
    [
      'comes back by an answer alone once the peer has called',
      [
        [0, sends],
        [1000, called],
        [1100, hears],
      ],
      { untilMs: 1100 },
      { phase: 'suspect' },
    ],
    [
      'and by the answer',
      [
        [0, sends],
        [1000, called],
        [1100, answer],
      ],
      { untilMs: 1100 },
      { phase: 'connected' },
    ],
  ])('%s', (_what, happenings, options, expected) => {
    expect(live(happenings, options)).toMatchObject(expected);
  });
});

describe('an idle path', () => {
  it.each<[string, readonly (readonly [number, Happens])[], { untilMs: number; keepaliveMs?: number }, number[]]>([
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
    const { checksAt, phase } = live(every(50, 0, 7000, sends, hears), { untilMs: 7000 });
    expect(checksAt).toEqual([2000, 4000, 6000]);
    expect(phase).toBe('connected');
  });
});
