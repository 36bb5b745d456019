import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { CandidatePair } from '../../../src/engine/pairs/candidate-pair.js';
import { Checklist } from '../../../src/engine/pairs/checklist.js';
import { ActivePath } from '../../../src/engine/selection/active-path.js';
import { PathSelection } from '../../../src/engine/selection/path-selection.js';
import type { Phase, Silence } from '../../../src/engine/selection/phase.js';
import { BASES, provenPair, remote, type SamplePair } from '../sample-pairs.js';

/** A selection among pairs of these names; those on trial may be loops. */
function selectionOf(samples: Record<string, SamplePair>, onTrial: readonly string[] = []) {
  const checklist = new Checklist(10);
  const pairs = new Map<string, CandidatePair>();
  for (const [name, sample] of Object.entries(samples)) {
    const pair = provenPair(sample);
    pairs.set(name, pair);
    checklist.pairs.set(pair.key, pair);
  }
  const nameOf = (key: string | undefined) => [...pairs].find(([, pair]) => pair.key === key)?.[0];
  const loops = { isOnTrial: (pair: CandidatePair) => onTrial.includes(nameOf(pair.key) ?? '') };
  const selection = new PathSelection({ checklist, loops });
  const pair = (name: string) => {
    const found = pairs.get(name);
    if (found === undefined) throw new Error(`no pair ${name}`);
    return found;
  };
  return {
    selection,
    pair,
    /** What the transport is told anew, by name. */
    news: (phase: Phase) =>
      selection
        .news(phase)
        ?.map(({ baseId, remote: to }) =>
          nameOf([...pairs.values()].find((one) => one.base.id === baseId && one.remote.address === to)?.key),
        ),
    /** By name; undefined: as before. */
    choose: (phase: Phase, now = 100_000) => nameOf(selection.choose(phase, now)?.key),
  };
}

type Selected = ReturnType<typeof selectionOf>;

const checking: Phase = { name: 'checking' };
const on = ({ pair }: Selected, name: string, { since = 0, doubtful = false } = {}) => {
  const path = new ActivePath(pair(name), since);
  path.isDoubtful = doubtful;
  return path;
};
const connected = (selected: Selected, name: string, options = {}): Phase => ({
  name: 'connected',
  path: on(selected, name, options),
});
const suspect = (selected: Selected, name: string, silence: Partial<Silence> = {}): Phase => ({
  name: 'suspect',
  path: on(selected, name),
  silence: { sinceMs: 99_000, networkChanged: false, ...silence },
});

describe('the paths that the transport is told', () => {
  const samples = { plain: { heardAt: 10 }, relayed: { base: 'relay', heardAt: 10 } } as const;

  it.each<[string, (selected: Selected) => Phase, readonly string[], (readonly string[])?]>([
    ['none before one is proven', () => checking, []],
    ['the one in use alone while it is trusted', (selected) => connected(selected, 'plain'), ['plain']],
    ['with its fallbacks while it is suspect', (selected) => suspect(selected, 'plain'), ['plain', 'relayed']],
    [
      'with its fallbacks where nothing was heard for a while',
      (selected) => connected(selected, 'plain', { doubtful: true }),
      ['plain', 'relayed'],
    ],
    [
      'the fallbacks alone where the silent one may be a loop',
      (selected) => suspect(selected, 'plain'),
      ['relayed'],
      ['plain'],
    ],
    [
      'the one that may be a loop where nothing has gone silent',
      (selected) => connected(selected, 'plain'),
      ['plain'],
      ['plain'],
    ],
    ['no fallback that may be a loop', (selected) => suspect(selected, 'plain'), ['plain'], ['relayed']],
  ])('are %s', (_what, phaseOf, expected, onTrial = []) => {
    const selected = selectionOf(samples, onTrial);
    expect(selected.news(phaseOf(selected)) ?? []).toEqual(expected);
  });

  it('are the silent one even where it may be a loop, if there is no other', () => {
    const selected = selectionOf({ plain: {} }, ['plain']);
    expect(selected.news(suspect(selected, 'plain'))).toEqual(['plain']);
  });

  it('are told once', () => {
    const selected = selectionOf(samples);
    const phase = connected(selected, 'plain');
    expect(selected.news(phase)).toEqual(['plain']);
    expect(selected.news(phase)).toBeUndefined();
    expect(selected.news(suspect(selected, 'plain'))).toEqual(['plain', 'relayed']);
    expect(selected.news(checking)).toEqual([]);
    expect(selected.news(checking)).toBeUndefined();
  });
});

describe('the pair that is to carry the traffic', () => {
  it.each<
    [string, Record<string, SamplePair>, (selected: Selected) => Phase, string | undefined, (readonly string[])?]
  >([
    ['is the best that has answered', { relayed: { base: 'relay' }, plain: {} }, () => checking, 'plain'],
    ['is none that has failed', { relayed: { base: 'relay' }, plain: { failed: true } }, () => checking, 'relayed'],
    ['stays where it is the best', { relayed: { base: 'relay' }, plain: {} }, (s) => connected(s, 'plain'), undefined],
    ['yields to a better type', { relayed: { base: 'relay' }, plain: {} }, (s) => connected(s, 'relayed'), 'plain'],
    [
      'does not yield to one that may be a loop',
      { relayed: { base: 'relay' }, plain: {} },
      (s) => connected(s, 'relayed'),
      undefined,
      ['plain'],
    ],
    ['may be a loop where there is no path at all', { plain: {} }, () => checking, 'plain', ['plain']],
    [
      'yields, suspect, only to what was heard since',
      { plain: {}, relayed: { base: 'relay', heardAt: 98_999 } },
      (s) => suspect(s, 'plain', { sinceMs: 99_000 }),
      undefined,
    ],
    [
      'yields, given up, to a worse type that was heard since',
      { plain: { failed: true }, relayed: { base: 'relay', heardAt: 99_000 } },
      (s) => suspect(s, 'plain', { sinceMs: 96_000 }),
      'relayed',
    ],
    [
      'does not yield to one as good while it is suspect only for a moment',
      { plain: {}, other: { heardAt: 99_950 } },
      (s) => suspect(s, 'plain', { sinceMs: 99_900 }),
      undefined,
    ],
    [
      'yields to it at once where the network has changed',
      { plain: {}, other: { heardAt: 99_950 } },
      (s) => suspect(s, 'plain', { sinceMs: 99_900, networkChanged: true }),
      'other',
    ],
  ])('%s', (_what, samples, phaseOf, expected, onTrial = []) => {
    const selected = selectionOf(samples, onTrial);
    expect(selected.choose(phaseOf(selected))).toBe(expected);
  });

  it('is the one that the controlling side has marked, among those that are as good', () => {
    const selected = selectionOf({ one: { rttMs: 50 }, other: { rttMs: 51 }, relayed: { base: 'relay' } });
    expect(selected.choose(checking)).toBe('one');
    selected.selection.nominate(selected.pair('other'));
    expect(selected.choose(checking)).toBe('other');
    selected.selection.nominate(selected.pair('relayed'));
    expect(selected.choose(checking)).toBe('one');
    selected.selection.nominate(selected.pair('other'));
    selected.selection.distrustOthers(undefined);
    for (const name of ['one', 'other']) selected.pair(name).answered(1, 50);
    expect(selected.choose(checking)).toBe('one');
  });

  it('is none that was proven before the network changed, but for the one in use', () => {
    const selected = selectionOf({ plain: {}, relayed: { base: 'relay' } });
    selected.selection.distrustOthers(selected.pair('relayed'));
    expect(selected.choose(checking)).toBe('relayed');
  });
});

describe('a pair that has answered for the first time', () => {
  const IP = '198.51.100.7';
  const at = (
    port: number,
    type: 'peer-reflexive' | 'server-reflexive',
    heardAtMs: number,
    ip = IP,
    base: keyof typeof BASES = 'udp4',
  ) => {
    const pair = new CandidatePair(BASES[base], remote(type, ip, { port }));
    pair.heard(heardAtMs);
    return pair;
  };
  const { selection } = selectionOf({});

  it.each<[string, { pair: CandidatePair; since?: number; heardAtMs?: number }, boolean]>([
    ['shows that the peer’s NAT has moved it', { pair: at(2000, 'peer-reflexive', 9000) }, true],
    [
      'says nothing while both sides are still choosing',
      { pair: at(2000, 'peer-reflexive', 9000), since: 8001 },
      false,
    ],
    ['says so from 2 s on', { pair: at(2000, 'peer-reflexive', 9000), since: 8000 }, true],
    [
      'says nothing where the old port was heard later',
      { pair: at(2000, 'peer-reflexive', 9000), heardAtMs: 9001 },
      false,
    ],
    [
      'says nothing where the old port was heard as late',
      { pair: at(2000, 'peer-reflexive', 9000), heardAtMs: 9000 },
      false,
    ],
    ['says nothing where the peer has told of the address', { pair: at(2000, 'server-reflexive', 9000) }, false],
    ['says nothing at another IP address', { pair: at(2000, 'peer-reflexive', 9000, '198.51.100.8') }, false],
    ['says nothing through a relay', { pair: at(2000, 'peer-reflexive', 9000, IP, 'relay') }, false],
  ])('%s', (_what, { pair, since = 0, heardAtMs = 8999 }, expected) => {
    const active = new ActivePath(at(1000, 'server-reflexive', heardAtMs), since);
    expect(selection.hasMovedTo(pair, active, 10_000)).toBe(expected);
  });

  it('says nothing of itself', () => {
    const pair = at(2000, 'peer-reflexive', 9000);
    expect(selection.hasMovedTo(pair, new ActivePath(pair, 0), 10_000)).toBe(false);
    expect(transportAddress(IP, 2000)).toEqual(pair.remote.address);
  });

  it('is moved to from one that was never heard', () => {
    const active = new ActivePath(new CandidatePair(BASES.udp4, remote('server-reflexive', IP, { port: 1000 })), 0);
    expect(selection.hasMovedTo(at(2000, 'peer-reflexive', 9000), active, 10_000)).toBe(true);
  });
});
