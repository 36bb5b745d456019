import { describe, expect, it } from 'vitest';
import { NATS, Simulation, randomPlan, type NetworkPlan, type SitePlan } from '../../src/index.js';

const SITE: SitePlan = {
  kind: 'nat',
  nat: { ...NATS.symmetric, lifetimeMs: 300_000 },
  lanIp: '192.168.1.2',
  ipv6: false,
  ipv6Filtering: 'open',
  link: { latencyMs: 10 },
};
const INTERVAL_MS = 5;

/** Two nodes that need a relay, of two by UDP and by stream: the first is the nearer. 200 packets a second both ways. */
class Relayed {
  readonly simulation: Simulation;
  readonly #sentAtMs: number[] = [];
  readonly #arrivals: number[] = [];
  /** UDP is blocked at the first site. */
  isBlocked = false;
  readonly dead = new Set<string>();

  constructor(plan: Partial<NetworkPlan> = {}) {
    this.simulation = new Simulation({
      ...randomPlan(1),
      sites: [SITE, { ...SITE, lanIp: '10.0.0.2' }],
      together: 'nothing',
      relays: [[0, 1], []],
      relaysByStream: { latencyMs: [5, 15] },
      signalingLatencyMs: 20,
      staggerMs: 0,
      disturbances: [],
      ...plan,
    });
    const { network } = this.simulation.built;
    network.lets = ({ source, destination }) => !this.dead.has(source.ip) && !this.dead.has(destination.ip);
    const [router] = this.simulation.built.routers;
    if (router !== undefined) router.blocks = ({ isOfStream }) => this.isBlocked && isOfStream !== true;
    this.simulation.onPacket((_at, number) => (this.#arrivals[number] = this.simulation.time.now()));
    this.simulation.start();
    this.simulation.runUntil(10_000);
  }

  /** The server that the path leads through: of the first node's allocation. */
  get through(): string {
    return this.simulation.activePaths()[1]?.replace(/^.*>|:\d+$/g, '') ?? '';
  }

  /** @returns packets lost, and the longest time in which none arrived, ms. */
  flow(forMs: number): { readonly lost: number; readonly gapMs: number } {
    const { time } = this.simulation;
    const first = this.#sentAtMs.length;
    const untilMs = time.now() + forMs;
    while (time.now() < untilMs) {
      for (const from of [0, 1] as const) {
        this.simulation.send(from, this.#sentAtMs.length);
        this.#sentAtMs.push(time.now());
      }
      this.simulation.runUntil(time.now() + INTERVAL_MS);
    }
    this.simulation.runUntil(untilMs + 1000);
    const arrivals = this.#sentAtMs.flatMap((_, number) => (number < first ? [] : (this.#arrivals[number] ?? [])));
    const sorted = arrivals.sort((a, b) => a - b);
    const gaps = sorted.map((at, index) => at - (sorted[index - 1] ?? at));
    return { lost: this.#sentAtMs.length - first - arrivals.length, gapMs: Math.max(...gaps) };
  }
}

const [NEAR, OTHER] = ['203.0.113.20', '203.0.113.21'];

describe('a relay in use', () => {
  it('that dies is left for the one kept ready within half a second', () => {
    const world = new Relayed();
    expect(world.through).toBe(NEAR);
    world.flow(1000);
    world.dead.add(NEAR);
    expect(world.flow(10_000).gapMs).toBeLessThan(500);
    expect(world.through).toBe(OTHER);
  });

  it('that has lost the allocation, too', () => {
    const world = new Relayed();
    world.flow(1000);
    world.simulation.built.relays[0]?.restart();
    expect(world.flow(10_000).gapMs).toBeLessThan(500);
  });
});

describe('a site that blocks UDP', () => {
  it('in mid-flow is reached over a stream within two seconds; UDP that comes back takes over without a lost packet', () => {
    const world = new Relayed();
    world.flow(1000);
    world.isBlocked = true;
    expect(world.flow(20_000).gapMs).toBeLessThan(2000);
    const overStream = world.simulation.activePaths();
    world.isBlocked = false;
    expect(world.flow(10_000).lost).toBe(0);
    expect(world.simulation.activePaths()[0]).not.toBe(overStream[0]);
    expect(world.simulation.activePaths()[1]).not.toBe(overStream[1]);
    expect(world.flow(30_000).lost).toBe(0);
  });
});
