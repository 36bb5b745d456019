import { describe, expect, it } from 'vitest';
import { CandidatePair } from '../../../src/engine/pairs/candidate-pair.js';
import { fallbacksFor } from '../../../src/engine/selection/fallback-paths.js';
import { BASES, provenPair, remote, type SamplePair } from '../sample-pairs.js';

const untried = () => new CandidatePair(BASES.udp4, remote('host', '192.0.2.250'));

describe('what backs up a suspect pair', () => {
  it.each<[string, Record<string, SamplePair>, string[]]>([
    ['nothing, where there is nothing else', {}, []],
    [
      'one of each kind: without a relay, through the peer’s, through ours',
      { plain: {}, theirs: { to: 'relayed' }, ours: { base: 'relay' } },
      ['plain', 'theirs', 'ours'],
    ],
    ['a pair through both relays counts as through ours', { both: { base: 'relay', to: 'relayed' } }, ['both']],
    [
      'of a kind the one heard last',
      { early: { heardAt: 5 }, late: { heardAt: 9 }, middle: { heardAt: 7, to: 'server-reflexive' } },
      ['late'],
    ],
    [
      'through ours rather another relay than its own',
      { own: { base: 'relay', heardAt: 9 }, other: { base: 'relay2', heardAt: 5 } },
      ['other'],
    ],
    ['through its own where there is no other', { own: { base: 'relay' } }, ['own']],
    ['none that has failed', { dead: { failed: true, heardAt: 9 }, alive: { heardAt: 5 } }, ['alive']],
  ])('%s', (_what, samples, expected) => {
    const suspect = provenPair({ heardAt: 10, base: 'relay' });
    const pairs = new Map(Object.entries(samples).map(([name, sample]) => [provenPair(sample), name]));
    const found = fallbacksFor(suspect, [suspect, untried(), ...pairs.keys()]);
    expect(found.map((pair) => pairs.get(pair))).toEqual(expected);
  });

  it('through the peer’s rather another relay than its own', () => {
    const suspect = provenPair({ to: 'relayed' });
    const same = new CandidatePair(BASES.udp4, suspect.remote);
    same.answered(9, 50);
    same.heard(9);
    const other = provenPair({ to: 'relayed', heardAt: 5 });
    expect(fallbacksFor(suspect, [same, other])).toEqual([other]);
    expect(fallbacksFor(suspect, [other, same])).toEqual([other]);
  });

  it('one that was proven before the network changed may serve', () => {
    const pair = provenPair();
    pair.distrust();
    expect(pair.state).toBe('in-progress');
    expect(fallbacksFor(provenPair(), [pair])).toEqual([pair]);
  });
});
