import { describe, expect, it } from 'vitest';
import { NATS, SeededRandom, Simulation, randomPlan, type NetworkPlan, type SitePlan } from '../../src/index.js';

const SITE: SitePlan = {
  kind: 'nat',
  nat: NATS.portRestricted,
  lanIp: '192.168.1.2',
  ipv6: false,
  ipv6Filtering: 'open',
  link: { latencyMs: 10 },
};
const MINUTE = 60_000;

/** Two nodes behind NATs that let them punch holes, with a relay; a stream of packets both ways. */
class Stream {
  readonly simulation: Simulation;
  readonly #sentAtMs: number[] = [];
  readonly #arrivedAtMs: (number | undefined)[] = [];
  /** When the path in use changed, and to what. */
  readonly switches: { readonly atMs: number; readonly connections: string }[] = [];

  constructor(plan: Partial<NetworkPlan> = {}) {
    this.simulation = new Simulation({
      ...randomPlan(1),
      sites: [SITE, { ...SITE, lanIp: '10.0.0.2' }],
      together: 'nothing',
      relays: [[0], [0]],
      signalingLatencyMs: 20,
      staggerMs: 0,
      disturbances: [],
      ...plan,
    });
    this.simulation.onPacket((_at, number) => (this.#arrivedAtMs[number] = this.simulation.time.now()));
    this.simulation.start();
  }

  /** What happens to datagrams that go from site to site without a relay. */
  set direct(passes: (fromIp: string) => boolean) {
    const isServer = (ip: string) => ip.startsWith('203.0.113.');
    this.simulation.built.network.lets = ({ source, destination }) =>
      isServer(source.ip) || isServer(destination.ip) || passes(source.ip);
  }

  send(from: 0 | 1): void {
    this.simulation.send(from, this.#sentAtMs.length);
    this.#sentAtMs.push(this.simulation.time.now());
  }

  flow(forMs: number, intervalMs = 100): void {
    const { simulation } = this;
    const untilMs = simulation.time.now() + forMs;
    let paths = simulation.activePaths().join();
    while (simulation.time.now() < untilMs) {
      this.send(0);
      this.send(1);
      simulation.runUntil(simulation.time.now() + intervalMs);
      const now = simulation.activePaths().join();
      if (now !== paths)
        this.switches.push({ atMs: simulation.time.now(), connections: simulation.connections().join() });
      paths = now;
    }
    simulation.runUntil(simulation.time.now() + 1000);
  }

  /** Packets of the stream that did not arrive within a second. */
  get lost(): number {
    return this.#sentAtMs.filter((at, number) => (this.#arrivedAtMs[number] ?? Infinity) - at > 1000).length;
  }

  get connections(): string {
    return this.simulation.connections().join();
  }
}

describe('a direct path that answers one way only', () => {
  it.each([['198.51.100.10'], ['198.51.100.11']])(
    'what comes from %s is dropped: the relayed stream loses nothing and does not flap in five minutes',
    (blocked) => {
      const stream = new Stream();
      stream.direct = (fromIp) => fromIp !== blocked;
      stream.simulation.runUntil(2000);
      stream.flow(5 * MINUTE);
      expect(stream.connections).toBe('relayed,relayed');
      expect(stream.lost).toBe(0);
      expect(stream.switches).toEqual([]);
    },
  );
});

describe('a direct path that loses much', () => {
  it('loses to a clean relay, and is taken again when it is clean', () => {
    const random = new SeededRandom(7);
    const stream = new Stream();
    stream.simulation.runUntil(2000);
    expect(stream.connections).toBe('hole-punched,hole-punched');
    stream.direct = () => !random.chance(0.3);
    stream.flow(2 * MINUTE);
    expect(stream.connections).toBe('relayed,relayed');
    stream.direct = () => true;
    stream.flow(8 * MINUTE);
    expect(stream.connections).toBe('hole-punched,hole-punched');
    // At most one a minute.
    expect(stream.switches.length).toBeLessThanOrEqual(10);
  });

  it('is kept where it loses little', () => {
    const random = new SeededRandom(7);
    const stream = new Stream();
    stream.simulation.runUntil(2000);
    stream.direct = () => !random.chance(0.03);
    stream.flow(5 * MINUTE);
    expect(stream.connections).toBe('hole-punched,hole-punched');
    expect(stream.switches).toEqual([]);
  });
});

describe('a direct path that is blocked under traffic', () => {
  it('costs nothing but what was on its way, and comes back without loss', () => {
    const stream = new Stream();
    stream.simulation.runUntil(2000);
    stream.direct = () => false;
    stream.flow(30_000, 20);
    expect(stream.connections).toBe('relayed,relayed');
    // 100 ms of silence, 100 ms for the answer to a probe, and the round trip.
    expect(stream.lost).toBeLessThanOrEqual((2 * 300) / 20);
    const { lost } = stream;
    stream.direct = () => true;
    stream.flow(4 * MINUTE, 20);
    expect(stream.connections).toBe('hole-punched,hole-punched');
    expect(stream.lost).toBe(lost);
  });
});

describe('an idle path whose NAT gives it another port', () => {
  it('is in doubt by then: the first packet that its node sends goes on a second path too, and arrives', () => {
    const stream = new Stream();
    stream.simulation.runUntil(22_000);
    stream.simulation.disturb({ kind: 'rebinding', site: 0 });
    stream.send(0);
    stream.simulation.runUntil(23_000);
    expect(stream.lost).toBe(0);
    stream.flow(10_000);
    expect(stream.connections).toBe('hole-punched,hole-punched');
  });

  it('under traffic it costs less than a second, and the path is hole-punched again', () => {
    const stream = new Stream();
    stream.simulation.runUntil(2000);
    stream.flow(3000, 20);
    stream.simulation.disturb({ kind: 'rebinding', site: 0 });
    stream.flow(20_000, 20);
    expect(stream.lost).toBeLessThan((2 * 1000) / 20);
    expect(stream.connections).toBe('hole-punched,hole-punched');
  });
});
