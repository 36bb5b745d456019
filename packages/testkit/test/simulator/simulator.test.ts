import { describe, expect, it } from 'vitest';
import { describePlan, NATS, randomPlan, runPlan, Simulation, type SitePlan } from '../../src/index.js';

/** A sample; `simulate` runs ten thousand, and any one alone. */
const COUNT = 48;

function failures(options: { disturbances?: number }, count: number): string[] {
  return Array.from({ length: count }, (_, index) => randomPlan(index + 1, options)).flatMap((plan) => {
    const { violations } = runPlan(plan);
    return violations.map((violation) => `seed ${plan.seed}: ${describePlan(plan)}: ${violation}`);
  });
}

describe('two nodes on random networks', () => {
  it('end with the connections that the NATs between them permit, and keep them', () => {
    expect(failures({}, COUNT)).toEqual([]);
  });

  it('find them again after whatever happens to the network', () => {
    expect(failures({ disturbances: 2 }, COUNT / 2)).toEqual([]);
  });

  it('are not sent data that cannot arrive, where a path that luck had found is gone', () => {
    const plan = randomPlan(75, { disturbances: 3, portMapping: false });
    expect(runPlan(plan)).toMatchObject({
      violations: [],
      connectedAfterMs: expect.any(Number),
      connection: undefined,
    });
  });

  it('are replayed by their seed, to the millisecond', () => {
    const run = () => runPlan(randomPlan(7, { disturbances: 2 }));
    expect(run()).toEqual(run());
  });
});

describe('a switch of paths', () => {
  const site: SitePlan = {
    kind: 'nat',
    nat: NATS.portRestricted,
    lanIp: '192.168.1.2',
    ipv6: false,
    ipv6Filtering: 'open',
    link: { latencyMs: 10 },
  };

  it('is one that leaves a path that works; a repair is none', () => {
    const simulation = new Simulation({
      ...randomPlan(1),
      sites: [site, { ...site, lanIp: '10.0.0.2' }],
      together: 'nothing',
      relays: [[0], []],
      signalingLatencyMs: 20,
      staggerMs: 0,
      disturbances: [],
    });
    const flow = (forMs: number) => {
      for (const untilMs = simulation.time.now() + forMs; simulation.time.now() < untilMs;) {
        for (const from of [0, 1] as const) simulation.send(from, 0);
        simulation.runUntil(simulation.time.now() + 100);
      }
      return { connections: simulation.connections(), switches: [...simulation.switches] };
    };
    const isServer = ({ ip }: { ip: string }) => ip.startsWith('203.0.113.');
    simulation.start();
    const { switches } = flow(5000);
    simulation.built.network.lets = ({ source, destination }) => isServer(source) || isServer(destination);
    expect(flow(30_000)).toEqual({ connections: ['relayed', 'relayed'], switches });
    simulation.built.network.lets = () => true;
    const again = switches.map((count) => count + 1);
    expect(flow(240_000)).toEqual({ connections: ['hole-punched', 'hole-punched'], switches: again });
  });
});
