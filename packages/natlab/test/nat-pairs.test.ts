import { expect, it } from 'vitest';
import { connectPair, type NatKind, type PairResult } from '../src/index.js';
import { describeInLab, report } from './lab-for-test.js';

type Connection = PairResult['connectionA'];

const PUNCHED = ['hole-punched', 'hole-punched'] as const;
const RELAYED = ['relayed', 'relayed'] as const;

/** What each side calls the path: who is reached at his own address is reached directly. */
const pairs: readonly (readonly [NatKind, NatKind, readonly [Connection, Connection]])[] = [
  ['none', 'none', ['direct', 'direct']],
  ['none', 'portcone', ['hole-punched', 'direct']],
  ['sym', 'none', ['direct', 'hole-punched']],
  ['portcone', 'portcone', PUNCHED],
  ['shifted', 'shifted', PUNCHED],
  ['cgnat', 'cgnat', PUNCHED],
  ['fullcone', 'sym', PUNCHED],
  ['addrcone', 'sym', PUNCHED],
  ['portcone', 'sym', RELAYED],
  ['sym', 'sym', RELAYED],
];

describeInLab('two nodes behind NATs, with STUN and a relay,', () => {
  it.each(pairs)('%s / %s are connected by the best path there is', async (a, b, [connectionA, connectionB]) => {
    const result = await connectPair({ a, b, until: { a: connectionA, b: connectionB } });
    report(`${a} / ${b}`, `first echo after ${result.echoSeconds.toFixed(2)} s, ${connectionA} / ${connectionB}`);
    expect([result.connectionA, result.connectionB]).toEqual([connectionA, connectionB]);
    // From a relay to a better path nothing is lost.
    expect(result.lost).toBe(0);
  });
});
