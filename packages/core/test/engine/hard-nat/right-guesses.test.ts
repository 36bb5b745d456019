import { transportAddress } from '@wirepath/stun-codec';
import { expect, it } from 'vitest';
import { HardNatTraversal, type HardNatSituation } from '../../../src/engine/hard-nat/hard-nat-traversal.js';
import { Checklist } from '../../../src/engine/pairs/checklist.js';
import { HardNatTurn, type World } from '../../../src/engine/world.js';
import { seededRandom } from '../two-engines.js';

const remote = transportAddress('198.51.100.7', 40_000);
const hard = { mapping: 'address-dependent', filtering: 'endpoint-independent' } as const;
const easy = { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' } as const;
const base = (id: string) => ({ id, family: 4, kind: 'socket' }) as const;

it('right guesses of an attempt that have died keep none of the next one out, and those that live all but a few', () => {
  const checklist = new Checklist(10);
  checklist.setSignalled([{ type: 'server-reflexive', address: remote, priority: 1 }]);
  const traversal = new HardNatTraversal({ peer: 'B', checklist, turn: new HardNatTurn(), random: seededRandom(1) });
  const world = {
    settings: { holePunchTimeoutMs: 15_000, maxCandidatePairs: 10, hardNat: true },
    local: { bases: [base('udp4')], candidates: [], natBehavior: hard },
  } as unknown as World;
  const situation: HardNatSituation = {
    world,
    remoteBehavior: easy,
    isThrough: false,
    baseInUse: undefined,
    refuse: () => undefined,
  };
  /** How many of the bases of an attempt get a pair for what comes in on them. */
  const attempt = (name: string, now: number) => {
    traversal.schedule(now, situation);
    traversal.handleTimeout(now + 1000, situation);
    const bases = Array.from({ length: 20 }, (_, index) => base(`${name}-${index}`));
    traversal.basesOpened(bases, now + 1000);
    const pairs = bases.flatMap(({ id }) => {
      const pair = traversal.pairFor({ baseId: id, remote }, false, undefined);
      pair?.heard(now + 1000);
      return pair ?? [];
    });
    traversal.handleTimeout(now + 2000, { ...situation, isThrough: true });
    return pairs.length;
  };
  expect(attempt('first', 0)).toBe(8);
  expect(attempt('second', 20_000)).toBe(8);
});
