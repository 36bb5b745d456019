import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ActivePath } from '../../../src/engine/selection/active-path.js';
import {
  isAlive,
  nextPhase,
  pathOf,
  silenceOf,
  trustedPath,
  type Happening,
  type Known,
  type Phase,
} from '../../../src/engine/selection/phase.js';
import { provenPair } from '../sample-pairs.js';

const path = new ActivePath(provenPair(), 0);
const other = new ActivePath(provenPair(), 1);

const HAPPENINGS: readonly Happening[] = [
  { type: 'moved' },
  { type: 'attempted' },
  { type: 'budget-over' },
  { type: 'chosen', path: other },
  { type: 'dropped' },
  { type: 'session' },
  { type: 'restarted' },
  { type: 'unanswered', now: 7 },
  { type: 'given-up', now: 7 },
  { type: 'network-changed', now: 9 },
  { type: 'heard' },
];

/** What is known when something has happened. */
function after(what: Happening, before: Known): Known {
  return {
    isDescribed: before.isDescribed || what.type === 'moved',
    hasSession: what.type === 'session' || (before.hasSession && what.type !== 'restarted'),
  };
}

/** Before a peer has said where it is no pair can answer. */
const isPossible = (what: Happening, { isDescribed }: Known) =>
  isDescribed || what.type === 'moved' || what.type === 'attempted' || what.type === 'budget-over';

const keyOf = (phase: Phase, known: Known) =>
  [phase.name, pathOf(phase) !== undefined, known.isDescribed, known.hasSession].join();

/** All that can come of anything, from a peer that was just added. */
function everything(): { readonly from: Phase; readonly what: Happening; readonly to: Phase }[] {
  const start = { phase: { name: 'calling' } as Phase, known: { isDescribed: false, hasSession: false } };
  const seen = new Map([[keyOf(start.phase, start.known), start]]);
  const steps: { from: Phase; what: Happening; to: Phase }[] = [];
  for (const { phase, known } of seen.values()) {
    for (const what of HAPPENINGS.filter((one) => isPossible(one, known))) {
      const next = after(what, known);
      const to = nextPhase(phase, what, next);
      steps.push({ from: phase, what, to });
      const key = keyOf(to, next);
      if (!seen.has(key)) seen.set(key, { phase: to, known: next });
    }
  }
  return steps;
}

describe('the phases of a peer', () => {
  it('lead to one another as docs/path-engine.md draws it, and in no other way', () => {
    const docs = readFileSync(new URL('../../../../../docs/path-engine.md', import.meta.url), 'utf8');
    const drawn = [...docs.matchAll(/^ {4}(\w+) --> (\w+):/gm)].map(([, from, to]) => `${from} --> ${to}`);
    const title = ({ name }: Phase) => name.charAt(0).toUpperCase() + name.slice(1);
    const lead = everything()
      .filter(({ from, to }) => from.name !== to.name)
      .map(({ from, to }) => `${title(from)} --> ${title(to)}`);
    expect([...new Set(drawn)].sort()).toEqual([...new Set(lead)].sort());
  });

  it('have a path that carries traffic, or none; and one that is silent is not trusted', () => {
    for (const { to } of everything()) {
      const hasPath = pathOf(to) !== undefined;
      if (to.name === 'calling' || to.name === 'checking') expect(hasPath).toBe(false);
      if (isAlive(to)) expect(hasPath).toBe(true);
      expect(trustedPath(to) !== undefined).toBe(hasPath && silenceOf(to) === undefined);
    }
  });
});

const known: Known = { isDescribed: true, hasSession: true };
const suspect: Phase = { name: 'suspect', path, silence: { sinceMs: 100, networkChanged: false } };
const lost = nextPhase(suspect, { type: 'given-up', now: 3100 }, known);
const unreachable = nextPhase(lost, { type: 'budget-over' }, known);

describe('a path that was lost', () => {
  it.each<[string, Phase, Happening, string]>([
    ['comes back with whatever proves it', lost, { type: 'heard' }, 'connected'],
    ['comes back after the budget too', unreachable, { type: 'heard' }, 'connected'],
    ['is waited for again when somebody wants it', unreachable, { type: 'attempted' }, 'lost'],
    ['and when the peer is elsewhere', unreachable, { type: 'moved' }, 'lost'],
    ['yields to another', unreachable, { type: 'chosen', path: other }, 'connected'],
    ['is no more where it was a loop', unreachable, { type: 'dropped' }, 'checking'],
  ])('%s', (_what, before, what, name) => {
    expect(nextPhase(before, what, known).name).toBe(name);
  });
});

describe('silence', () => {
  it('is as old as its first sign, whatever comes on top of it', () => {
    const silence = { sinceMs: 100, networkChanged: true };
    for (const phase of [suspect, lost, unreachable]) {
      const changed = nextPhase(phase, { type: 'network-changed', now: 9000 }, known);
      expect(silenceOf(changed)).toEqual(silence);
      expect(changed.name).toBe(phase.name);
    }
  });

  it('of a second probe is no news', () => {
    expect(nextPhase(suspect, { type: 'unanswered', now: 500 }, known)).toBe(suspect);
  });
});
