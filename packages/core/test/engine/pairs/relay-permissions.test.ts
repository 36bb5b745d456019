import { describe, expect, it } from 'vitest';
import { CandidatePair } from '../../../src/engine/pairs/candidate-pair.js';
import { Checklist } from '../../../src/engine/pairs/checklist.js';
import {
  PEER_PERMISSION_BURST,
  PEER_PERMISSIONS_PER_SECOND,
  RelayPermissions,
} from '../../../src/engine/pairs/relay-permissions.js';
import { BASES, remote } from '../sample-pairs.js';

function relay(...priorities: readonly number[]) {
  const checklist = new Checklist(10);
  const permissions = new RelayPermissions({
    peer: 'peer',
    checklist,
  });
  const pairs = priorities.map((priority, i) => {
    const pair = new CandidatePair(BASES.relay, remote('host', '198.51.100.1', { port: 1024 + i, priority }));
    checklist.pin(pair);
    return pair;
  });
  return { permissions, checklist, pairs };
}

/** Which pairs a permission is asked for, in the order of their making. */
const asked = (effects: ReturnType<RelayPermissions['request']>) => effects.map(({ path }) => path.remote.port - 1024);

describe('a pair with an allocation', () => {
  it.each<[string, keyof typeof BASES, (pair: CandidatePair) => void, boolean]>([
    ['needs a permission', 'relay', () => {}, true],
    ['needs none from a socket', 'udp4', () => {}, false],
    ['needs none that is being asked for', 'relay', (pair) => (pair.state = 'permitting'), false],
    ['needs none that it has', 'relay', (pair) => (pair.isPermitted = true), false],
    ['needs one again after a refusal', 'relay', (pair) => pair.fail('403'), true],
  ])('%s', (_what, base, happens, needed) => {
    const pair = new CandidatePair(BASES[base], remote('host', '198.51.100.1'));
    happens(pair);
    expect(RelayPermissions.isNeededFor(pair)).toBe(needed);
  });

  it.each<[string, string | undefined, Partial<CandidatePair>]>([
    ['is checked at once when the relay lets the peer in', undefined, { state: 'waiting', isPermitted: true }],
    ['has failed for the reason that the relay gives', '403', { state: 'failed', isPermitted: false, refusal: '403' }],
  ])('%s', (_what, error, expected) => {
    const { permissions, pairs } = relay(1);
    const [pair] = pairs;
    permissions.request(pair!, 0);
    expect(pair?.state).toBe('permitting');
    permissions.answered(pair!.path, error, 70);
    expect(pair).toMatchObject(expected);
    expect(pair?.schedule.nextAt).toBe(error === undefined ? 70 : undefined);
  });

  it('that nobody waits for is not touched by an answer', () => {
    const { permissions, pairs } = relay(1);
    permissions.answered(pairs[0]!.path, undefined, 0);
    expect(pairs[0]).toMatchObject({ state: 'waiting', isPermitted: false });
  });
});

describe('permissions that are wanted', () => {
  it('are asked for together, the lowest priority first: private addresses come last', () => {
    const { permissions, pairs } = relay(5, 1, 9);
    for (const pair of pairs) permissions.want(pair);
    expect(asked(permissions.requestWanted(0))).toEqual([1, 0, 2]);
    expect(permissions.requestWanted(0)).toEqual([]);
    expect(permissions.isAnyWanted).toBe(false);
  });

  it('are not asked for where the pair is gone meanwhile', () => {
    const { permissions, checklist, pairs } = relay(1, 2);
    for (const pair of pairs) permissions.want(pair);
    checklist.unpin(pairs[0]!);
    expect(asked(permissions.requestWanted(0))).toEqual([1]);
  });

  it.each([
    ['64 at once', 0, PEER_PERMISSION_BURST],
    ['and then one in four seconds', 1000, PEER_PERMISSION_BURST + Math.floor(99 * PEER_PERMISSIONS_PER_SECOND)],
  ])('have a budget for each peer: %s', (_what, gapMs, granted) => {
    const { permissions, pairs } = relay(...Array.from({ length: 100 }, (_, i) => i));
    const requests = pairs.flatMap((pair, i) => permissions.request(pair, i * gapMs));
    expect(requests).toHaveLength(granted);
    const refused = pairs.filter(({ state }) => state === 'failed');
    expect(refused).toHaveLength(100 - granted);
    for (const { refusal } of refused) expect(refusal).toMatch(/too many addresses/);
  });

  it('are given back with their pairs, but for those of sockets', () => {
    const { pairs } = relay(1);
    const others = [new CandidatePair(BASES.udp4, remote('host', '198.51.100.2'))];
    expect(RelayPermissions.release([...pairs, ...others])).toEqual([{ type: 'release', path: pairs[0]?.path }]);
  });
});
