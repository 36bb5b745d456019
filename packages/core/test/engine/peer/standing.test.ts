import { describe, expect, it } from 'vitest';
import type { LocalBase } from '../../../src/engine/engine-path.js';
import { Standing } from '../../../src/engine/peer/standing.js';
import { ActivePath } from '../../../src/engine/selection/active-path.js';
import type { Happening } from '../../../src/engine/selection/phase.js';
import type { World } from '../../../src/engine/world.js';
import { BASES, provenPair, type SamplePair } from '../sample-pairs.js';
import { SAMPLE_MESSAGE } from '../sample-message.js';

type Step = Happening['type'] | 'session made' | 'described';

/** With a peer whose path is this pair, if any, after that. */
function standing(sample: SamplePair, steps: readonly Step[]): { subject: Standing; path: ActivePath } {
  const subject = new Standing('B', true, 25_000);
  const path = new ActivePath(provenPair(sample), 0);
  for (const step of steps) {
    if (step === 'described') subject.described(SAMPLE_MESSAGE);
    else if (step === 'session made') {
      subject.handshake.completed();
      subject.enter({ type: 'session' });
    } else subject.enter({ type: step, now: 0, path });
  }
  return { subject, path };
}

const CONNECTED: Step[] = ['described', 'chosen', 'session made'];

describe('how things stand with a peer', () => {
  it.each<[string, SamplePair, Step[], object]>([
    ['that has said nothing', {}, [], { connection: 'connecting', isSettled: false, isAlive: false, isSilent: false }],
    ['that is looked for', {}, ['described'], { connection: 'connecting', isSettled: false, isAlive: false }],
    ['that was not found', {}, ['described', 'budget-over'], { connection: 'unreachable', isSettled: false }],
    ['without a session', {}, ['described', 'chosen'], { connection: 'connecting', isSettled: false, isAlive: true }],
    ['connected', {}, CONNECTED, { connection: 'direct', isSettled: true, isAlive: true, isSilent: false }],
    ['connected by a relay', { to: 'relayed' }, CONNECTED, { connection: 'relayed', isSettled: false, isAlive: true }],
    [
      'whose path is silent',
      {},
      [...CONNECTED, 'unanswered'],
      { connection: 'direct', isSettled: false, isAlive: true, isSilent: true, trustedPair: undefined },
    ],
    [
      'whose path is lost',
      {},
      [...CONNECTED, 'unanswered', 'given-up'],
      { connection: 'connecting', isSettled: false, isAlive: false, isSilent: true, trustedPair: undefined },
    ],
    [
      'whose path was lost long ago',
      {},
      [...CONNECTED, 'unanswered', 'given-up', 'budget-over'],
      { connection: 'unreachable', isAlive: false, isSilent: true, trustedPair: undefined },
    ],
  ])('%s', (_what, sample, steps, expected) => {
    expect(standing(sample, steps).subject).toMatchObject(expected);
  });

  it('a path is trusted where nothing speaks against it', () => {
    const { subject, path } = standing({}, CONNECTED);
    expect([subject.path, subject.trustedPair]).toEqual([path, path.pair]);
  });

  it('a peer that was restarted has no session, and its path is what it was', () => {
    const { subject, path } = standing({}, CONNECTED);
    expect(subject.described({ ...SAMPLE_MESSAGE, runId: '7766554433221100' })).toMatchObject({ restarted: true });
    expect(subject).toMatchObject({ connection: 'connecting', path, remote: { runId: '7766554433221100' } });
    expect(subject.phase.name).toBe('proven');
  });

  it.each([
    ['the same', {}, 'unreachable'],
    ['that it is elsewhere', { generation: 1 }, 'checking'],
  ])('an unreachable peer that says %s', (_what, more, phase) => {
    const { subject } = standing({}, ['described', 'budget-over']);
    subject.described({ ...SAMPLE_MESSAGE, ...more });
    expect(subject.phase.name).toBe(phase);
  });
});

describe('something better is to be had', () => {
  const better = provenPair();
  const untried = (of: SamplePair) => Object.assign(provenPair(of), { state: 'waiting' as const });

  it.each<[string, SamplePair, Step[], boolean]>([
    ['where there is no path', {}, [], true],
    ['where there is no session', {}, ['described', 'chosen'], true],
    ['where the path is relayed', { to: 'relayed' }, CONNECTED, true],
    ['where the path is silent', {}, [...CONNECTED, 'unanswered'], true],
    ['not where it is direct and all were tried', {}, CONNECTED, false],
  ])('%s', (_where, sample, steps, expected) => {
    expect(standing(sample, steps).subject.isImprovable([better])).toBe(expected);
  });

  it('where one that nobody has tried would be better; not where it would be as good', () => {
    const { subject, path } = standing({ to: 'server-reflexive' }, CONNECTED);
    const direct = untried({});
    expect(direct.tier).toBeLessThan(path.pair.tier);
    expect(subject.isImprovable([better, direct])).toBe(true);
    expect(subject.isImprovable([better, untried({ to: 'server-reflexive' })])).toBe(false);
  });
});

describe('a path from an allocation', () => {
  const world = (...bases: readonly LocalBase[]) => ({ local: { bases } }) as unknown as World;

  it.each<[string, SamplePair, LocalBase[], boolean]>([
    ['that is gone', { base: 'relay' }, [BASES.udp4, BASES.relay2], true],
    ['that is there', { base: 'relay' }, [BASES.udp4, BASES.relay], false],
    ['that is none', {}, [], false],
    ['that had failed already', { base: 'relay', failed: true }, [BASES.udp4], false],
  ])('%s: it has failed, or not', (_what, sample, bases, isLost) => {
    const { subject, path } = standing(sample, CONNECTED);
    expect(subject.leavesLostAllocation({ now: 7, world: world(...bases) })).toBe(isLost);
    expect(subject.isSilent).toBe(isLost);
    if (isLost) expect(path.pair).toMatchObject({ state: 'failed', refusal: 'our relay has lost the allocation' });
  });

  it('there is none where there is no path', () => {
    expect(standing({}, []).subject.leavesLostAllocation({ now: 0, world: world() })).toBe(false);
  });
});
