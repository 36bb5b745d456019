import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../../src/base/limits/token-bucket.js';
import { CandidatePair } from '../../../src/engine/pairs/candidate-pair.js';
import { Checklist } from '../../../src/engine/pairs/checklist.js';
import { RelayPermissions } from '../../../src/engine/pairs/relay-permissions.js';
import { Probing } from '../../../src/engine/peer/probing.js';
import { ActivePath } from '../../../src/engine/selection/active-path.js';
import { BASES, provenPair, remote, type SamplePair } from '../sample-pairs.js';

const CREDENTIALS = { remoteUfrag: 'theirs', localUfrag: 'ours', remotePassword: 'secret' };

/** The probing of these pairs, in the order in which they are named. */
function probingOf(samples: Record<string, SamplePair | 'untried'>, { controlling = true, told = true } = {}) {
  const checklist = new Checklist(10);
  const pairs = new Map<string, CandidatePair>();
  for (const [name, sample] of Object.entries(samples)) {
    const pair =
      sample === 'untried'
        ? new CandidatePair(
            BASES.udp4,
            remote('host', '192.0.2.1', { port: 1000 + pairs.size, priority: 100 - pairs.size }),
          )
        : provenPair(sample);
    pairs.set(name, pair);
    checklist.pairs.set(pair.key, pair);
  }
  const permissions = new RelayPermissions({ peer: 'B', checklist });
  const parts = { tieBreaker: 7n, pacer: new TokenBucket(1000, 100), random: (n: number) => new Uint8Array(n) };
  const probing = new Probing({ peer: 'B', controlling, checklist, permissions, parts });
  if (told) probing.credentials = CREDENTIALS;
  const pair = (name: string) => {
    const found = pairs.get(name);
    if (found === undefined) throw new Error(`no pair ${name}`);
    return found;
  };
  /** Sends what is due until then. @returns which, and when. */
  const until = (ms: number, from = 0) => {
    const sent: string[] = [];
    for (let now = from; now <= ms; now += 1)
      for (let due = probing.takeDue(now); due !== undefined; due = probing.takeDue(now)) {
        probing.check(due, now, undefined);
        sent.push(`${now} ${[...pairs].find(([, one]) => one === due)?.[0]}`);
      }
    return sent;
  };
  return { probing, checklist, permissions, pair, until };
}

describe('a round of checks', () => {
  it('goes over all pairs that were not tried, the best first, 5 ms apart, again after 60 ms, until its time is over', () => {
    const { probing, until } = probingOf({ one: 'untried', two: 'untried' });
    expect([probing.isUnderWay, probing.nextTimeout()]).toEqual([false, Infinity]);
    probing.begin(0, 100, undefined);
    expect([probing.isUnderWay, probing.nextTimeout()]).toEqual([true, 0]);
    expect(until(99)).toEqual(['0 one', '5 two', '60 one', '65 two']);
    expect(probing.end(99)).toBe(false);
    expect(probing.end(100)).toBe(true);
    expect(probing.end(101)).toBe(false);
    expect([probing.isUnderWay, until(1000, 101)]).toEqual([false, []]);
  });

  it('is as long as the longest that was asked for', () => {
    const { probing } = probingOf({ one: 'untried' });
    probing.begin(0, 1000, undefined);
    probing.begin(100, 100, undefined);
    expect(probing.end(999)).toBe(false);
    probing.begin(900, 1000, undefined);
    expect([probing.end(1899), probing.end(1900)]).toEqual([false, true]);
  });

  it.each<[string, { all?: boolean; trusted?: string }, string[]]>([
    ['leaves out what is proven', {}, ['0 untried']],
    ['leaves out the trusted one, proven or not', { trusted: 'untried' }, []],
    ['takes all where nothing counts that was proven', { all: true, trusted: 'proven' }, ['0 proven', '5 untried']],
  ])('%s', (_what, { all = false, trusted }, expected) => {
    const { probing, pair, until } = probingOf({ proven: { priority: 1000 }, untried: 'untried' });
    probing.begin(0, 50, trusted === undefined ? undefined : pair(trusted), { all });
    expect(until(50).sort()).toEqual(expected);
  });

  it('asks a relay for its permission before a check is sent through it', () => {
    const { probing, pair, permissions, until } = probingOf({ through: { base: 'relay', failed: true } });
    probing.begin(0, 50, undefined);
    expect([until(50), permissions.isAnyWanted]).toEqual([[], true]);
    pair('through').state = 'permitting';
    probing.begin(0, 50, undefined, { all: true });
    expect(until(50)).toEqual([]);
  });

  it('does not begin anew what is being checked', () => {
    const { probing, until } = probingOf({ one: 'untried' });
    probing.begin(0, 200, undefined);
    expect(until(10)).toEqual(['0 one']);
    probing.begin(10, 200, undefined);
    expect(until(59, 10)).toEqual([]);
    expect(until(60, 60)).toEqual(['60 one']);
  });

  it('waits for the credentials of the peer', () => {
    const { probing, pair, until } = probingOf({ one: 'untried' }, { told: false });
    probing.begin(0, 100, undefined);
    expect([probing.nextTimeout(), until(50), probing.check(pair('one'), 50, undefined)]).toEqual([100, [], undefined]);
    probing.credentials = CREDENTIALS;
    expect([probing.nextTimeout(), until(60, 51)]).toEqual([0, ['51 one']]);
  });
});

describe('a check that one of the peer’s has triggered', () => {
  it('goes at once, the next after 60 ms, and begins a round', () => {
    const { probing, pair } = probingOf({ one: 'untried' });
    const one = pair('one');
    expect(probing.trigger(one, 0, 500)).toBe(true);
    probing.check(one, 0, undefined);
    expect([probing.trigger(one, 59, 500), probing.trigger(one, 60, 500)]).toEqual([false, true]);
    expect([probing.end(499), probing.end(500)]).toEqual([false, true]);
  });

  it('revives a pair that has failed', () => {
    const { probing, pair } = probingOf({ one: { failed: true } });
    expect(probing.trigger(pair('one'), 0, 500)).toBe(true);
    expect(pair('one').state).not.toBe('failed');
  });
});

describe('a check', () => {
  it('says who we are, and marks the path in use where we control', () => {
    const { probing, pair } = probingOf({ one: {}, through: { base: 'relay' }, six: { base: 'udp6' } });
    const inUse = new ActivePath(pair('one'), 0);
    const effect = (name: string) => probing.check(pair(name), 5, inUse)?.effect;
    expect(effect('one')).toMatchObject({
      type: 'send-check',
      peer: 'B',
      ...CREDENTIALS,
      controlling: true,
      tieBreaker: 7n,
      candidateType: 'host',
      useCandidate: true,
    });
    expect(effect('through')).toMatchObject({ candidateType: 'relayed', useCandidate: false });
    expect(effect('six')?.priority).toBe((effect('one')?.priority ?? 0) + 256);
    const { probing: controlled, pair: theirs } = probingOf({ one: {} }, { controlling: false });
    expect(controlled.check(theirs('one'), 5, new ActivePath(theirs('one'), 0))?.effect).toMatchObject({
      controlling: false,
      useCandidate: false,
    });
  });

  it('outside of a round starts no series', () => {
    const { probing, pair, until } = probingOf({ one: {} });
    expect(probing.check(pair('one'), 0, undefined, { ping: true })?.sent).toEqual({
      pair: pair('one'),
      sentAt: 0,
      ping: true,
      guess: false,
      sizeBytes: undefined,
    });
    expect(until(1000, 1)).toEqual([]);
  });

  it('of a proven pair in a round starts none either', () => {
    const { probing, pair, until } = probingOf({ one: {}, two: 'untried' });
    probing.begin(0, 1000, undefined);
    probing.check(pair('one'), 0, undefined);
    expect(until(200).filter((line) => line.endsWith('one'))).toEqual([]);
  });
});
