import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { NatDependence } from '../../../src/contracts/nat-behavior.js';
import type { CandidateType } from '../../../src/contracts/candidate.js';
import { DescriptionHistory } from '../../../src/shell/driver/description.js';

type Seen = readonly [CandidateType, string, number];

function describedAs(seen: readonly Seen[], mapping: NatDependence | null) {
  const candidates = seen.map(([type, ip, port]) => ({ type, address: transportAddress(ip, port), priority: 1 }));
  return { bases: [], candidates, natBehavior: { mapping, filtering: null } };
}

const HOST: Seen = ['host', '192.168.1.2', 51820];
const SEEN: Seen = ['server-reflexive', '198.51.100.7', 40_000];
const OTHER_PORT: Seen = ['server-reflexive', '198.51.100.7', 40_001];
const OTHER_IP: Seen = ['server-reflexive', '198.51.100.8', 40_000];
const RELAYED: Seen = ['relayed', '203.0.113.10', 50_000];

describe('a new description', () => {
  it.each<[string, readonly Seen[], readonly Seen[], NatDependence | null, boolean]>([
    ['one candidate more', [HOST], [HOST, SEEN], null, false],
    ['a host address gone', [HOST, SEEN], [SEEN], null, true],
    ['a mapped port changed', [HOST, SEEN], [HOST, OTHER_PORT], 'endpoint-independent', true],
    ['a mapped port changed, of a NAT not known', [HOST, SEEN], [HOST, OTHER_PORT], null, true],
    ['a mapped port changed, per destination', [HOST, SEEN], [HOST, OTHER_PORT], 'address-and-port-dependent', false],
    ['a mapped address changed, per destination', [HOST, SEEN], [HOST, OTHER_IP], 'address-dependent', true],
    ['an allocation gone', [HOST, RELAYED], [HOST], null, false],
  ])('%s', (_what, before, after, mapping, newGeneration) => {
    const history = new DescriptionHistory();
    history.next(describedAs(before, mapping));
    expect(history.next(describedAs(after, mapping))).toEqual({ newGeneration });
  });

  it('is none when nothing changed', () => {
    const history = new DescriptionHistory();
    history.next(describedAs([HOST], null));
    expect(history.next(describedAs([HOST], null))).toBeUndefined();
  });
});
