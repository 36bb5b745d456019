import { describe, expect, it } from 'vitest';
import { NATS, Oracle, randomPlan, runPlan, topologyOf, type NetworkPlan, type SitePlan } from '../../src/index.js';

/** Two nodes behind NATs that map per destination, a relay between them. */
function plan(first: Partial<SitePlan>, second: Partial<SitePlan> = {}, rest: Partial<NetworkPlan> = {}): NetworkPlan {
  const site: SitePlan = {
    kind: 'nat',
    nat: NATS.symmetric,
    lanIp: '192.168.1.2',
    ipv6: false,
    ipv6Filtering: 'address-and-port-dependent',
    link: { latencyMs: 10 },
  };
  return {
    seed: 1,
    sites: [
      { ...site, ...first },
      { ...site, ...second },
    ],
    together: 'nothing',
    relays: [[0], [0]],
    signalingLatencyMs: 20,
    staggerMs: 0,
    disturbances: [],
    ...rest,
  };
}

describe('a gateway that maps ports, in the simulator', () => {
  it.each([
    ['at neither', plan({}), 'relayed'],
    ['at the first', plan({ mapsPorts: true }), 'hole-punched'],
    ['at the second', plan({}, { mapsPorts: true }), 'hole-punched'],
    ['at both', plan({ mapsPorts: true }, { mapsPorts: true }), 'hole-punched'],
    ['behind another NAT', plan({ mapsPorts: true, carrier: NATS.symmetric }), 'relayed'],
    [
      'behind the NAT that the other is behind, too',
      plan({ mapsPorts: true, carrier: NATS.symmetric }, { carrier: NATS.symmetric }, { together: 'carrier' }),
      'hole-punched',
    ],
    ['in front of both', plan({ mapsPorts: true }, { lanIp: '192.168.1.3' }, { together: 'lan' }), 'direct'],
  ] as const)('%s', (_what, network, expected) => {
    expect(new Oracle(topologyOf(network)).verdict()).toEqual([expected, expected]);
    expect(runPlan(network)).toMatchObject({ violations: [], connection: expected });
  });

  it.each(['rebinding', 'address-change', 'outage', 'signalling-outage'] as const)(
    'forwards again after a %s',
    (kind) => {
      const disturbances = [{ kind, site: 0 }] as const;
      expect(runPlan(plan({ mapsPorts: true }, {}, { disturbances })).violations).toEqual([]);
    },
  );

  it('is in some networks, and changes nothing about the others', () => {
    const seeds = Array.from({ length: 200 }, (_, seed) => seed);
    const mapping = seeds.filter((seed) => randomPlan(seed).sites.some(({ mapsPorts }) => mapsPorts === true));
    expect(mapping.length).toBeGreaterThan(10);
    for (const seed of seeds.filter((one) => !mapping.includes(one)))
      expect(randomPlan(seed)).toEqual(randomPlan(seed, { portMapping: false }));
  });
});
