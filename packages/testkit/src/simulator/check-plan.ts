import type { ConnectionType } from '@wirepath/core';
import type { Disturbance, NetworkPlan } from './plan/network-plan.js';
import { Simulation } from './simulation.js';

/** What came of one network. */
export interface PlanReport {
  /** What went otherwise than it must, one line each; empty when all is well. */
  readonly violations: readonly string[];
  /** From the start of the second node to both having a connection, ms of virtual time; undefined where they never had. */
  readonly connectedAfterMs: number | undefined;
  /** How they ended; the first node's view. */
  readonly connection: ConnectionType | undefined;
  /** Only the hard-NAT strategy could get them off the relay; undefined where it was not needed. */
  readonly hardNat: 'hole-punched' | 'relayed' | undefined;
  /** Only a relay reached by stream could connect them. */
  readonly byStreamAlone: boolean;
}

/** Whatever is possible has been connected by then, ... */
const CONNECTED_MS = 20_000;
/** ... and has found its best path. */
const SETTLED_MS = 40_000;
/** After something happened to an idle network, which nobody notices before the next keepalive. */
const RECOVERED_MS = 90_000;
/** For so long the paths are watched after they have settled. */
const WATCH_MS = 60_000;
/** A stream flows from the first connection on, through every upgrade and a while after the last; then a packet now and then. */
const STREAM_MS = 5000;
const STREAM_AFTER_BEST_MS = 1000;
const STREAM_INTERVAL_MS = 125;
const IDLE_INTERVAL_MS = 10_000;
/** Later than this is lost. */
const DELIVERED_WITHIN_MS = 1000;
/**
 * Near-equal paths switch at most once a minute; one that has lost checks may be left for another besides. To leave a path that
 * went silent is a repair, and no switch: a mapping that a NAT forgets, an outage.
 */
const MAX_SWITCHES = WATCH_MS / 60_000;
const MAX_SWITCHES_WITH_LOSS = 3 * MAX_SWITCHES;
/** Datagrams that one node may send a second, on average: no storms. A hard NAT may cost two thousand once. */
const MAX_DATAGRAMS_A_SECOND = 100;
/** A relayed datagram crosses four links; each of them loses at most 3 %. */
const MAX_LOSS = 0.12;

/** Runs two nodes on the network of a plan, and judges what they did. */
export function runPlan(plan: NetworkPlan): PlanReport {
  const simulation = new Simulation(plan);
  const violations: string[] = [];
  const complain = (text: string) => void violations.push(text);
  const traffic = new Traffic(simulation);

  simulation.start();
  const connectedAtMs = untilConnected(simulation);
  if (connectedAtMs !== undefined) {
    traffic.stream(connectedAtMs + STREAM_MS);
    traffic.flow(simulation.time.now() + DELIVERED_WITHIN_MS, undefined);
    traffic.check('upgrade', complain);
  }
  let atMs = Math.max(SETTLED_MS, simulation.time.now());
  simulation.runUntil(atMs);
  checkConnections(simulation, 'settled', complain);
  for (const disturbance of plan.disturbances) {
    simulation.disturb(disturbance);
    atMs += RECOVERED_MS;
    simulation.runUntil(atMs);
    checkConnections(simulation, `after ${disturbance.kind}`, complain);
  }
  const before = [...simulation.switches];
  // A path that luck has found may be gone with what happened since, and nobody promised another.
  const isConnected = simulation.connections().every((type) => type !== undefined);
  traffic.flow(atMs + WATCH_MS, isConnected ? IDLE_INTERVAL_MS : undefined);
  // Of the node that has switched more often: where one leads, the other follows.
  const switches = Math.max(...simulation.switches.map((count, side) => count - (before[side] ?? 0)));
  if (switches > (isLossless(plan) ? MAX_SWITCHES : MAX_SWITCHES_WITH_LOSS))
    complain(`paths switched ${switches} times in ${WATCH_MS / 1000} s`);
  traffic.flow(atMs + WATCH_MS + DELIVERED_WITHIN_MS, undefined);
  traffic.check('watch', complain);
  const [connection] = simulation.connections();

  checkRest(simulation, complain);
  return {
    violations,
    connectedAfterMs: connectedAtMs === undefined ? undefined : connectedAtMs - plan.staggerMs,
    connection,
    byStreamAlone: simulation.isByStreamAlone,
    hardNat: simulation.isHard ? (connection === 'hole-punched' ? connection : 'relayed') : undefined,
  };
}

/** @returns when both first had a connection; undefined when they had none in time. */
function untilConnected(simulation: Simulation): number | undefined {
  while (simulation.time.now() < CONNECTED_MS) {
    simulation.runUntil(simulation.time.now() + 50);
    if (simulation.connections().every((type) => type !== undefined)) return simulation.time.now();
  }
  return undefined;
}

function checkConnections(simulation: Simulation, when: string, complain: (text: string) => void): void {
  const shown = simulation.connections();
  const isHolePunched = shown.every((type) => type === 'hole-punched');
  // Whether a thousand guesses meet is luck: the oracle leaves it out, and so does this.
  if (simulation.isHard && isHolePunched) return;
  // So is it when a NAT that has forgotten a mapping gives its port to the next, and peers have just been told of it.
  const wasDisturbed = simulation.plan.disturbances.length > 0;
  if (wasDisturbed && isHolePunched && simulation.expected.every((type) => type === 'relayed')) return;
  for (const [index, expected] of simulation.expected.entries()) {
    if (shown[index] !== expected)
      complain(`${when}: node ${index} is ${shown[index] ?? 'not connected'}, must be ${expected ?? 'not connected'}`);
  }
}

/** No storm before, and nothing left after. */
function checkRest(simulation: Simulation, complain: (text: string) => void): void {
  const now = simulation.time.now();
  for (const [index, count] of simulation.sentDatagrams.entries())
    if (count > (now / 1000) * MAX_DATAGRAMS_A_SECOND) complain(`node ${index} sent ${count} datagrams`);
  simulation.stop();
  const traced = simulation.trace.length;
  simulation.runUntil(now + 10_000);
  if (simulation.time.pendingTimers > 0) complain(`${simulation.time.pendingTimers} timers are left after stop`);
  if (simulation.trace.length > traced) complain('a driver went on after stop');
}

/** Numbered packets both ways; counts what is lost. */
class Traffic {
  readonly #simulation: Simulation;
  readonly #sentAtMs: number[] = [];
  readonly #delivered = new Set<number>();
  #checked = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    simulation.onPacket((_at, number) => {
      const sentAtMs = this.#sentAtMs[number] ?? -Infinity;
      if (simulation.time.now() - sentAtMs <= DELIVERED_WITHIN_MS) this.#delivered.add(number);
    });
  }

  /** Until a while after both have the path that the oracle expects, at most until then. */
  stream(atMostUntilMs: number): void {
    const { time, expected } = this.#simulation;
    const isBest = () => this.#simulation.connections().every((type, side) => type === expected[side]);
    while (time.now() < atMostUntilMs && !isBest()) this.flow(time.now() + STREAM_INTERVAL_MS, STREAM_INTERVAL_MS);
    this.flow(Math.min(atMostUntilMs, time.now() + STREAM_AFTER_BEST_MS), STREAM_INTERVAL_MS);
  }

  /** @param intervalMs between two packets; undefined: sends nothing. */
  flow(untilMs: number, intervalMs: number | undefined): void {
    const { time } = this.#simulation;
    while (time.now() < untilMs) {
      for (const from of [0, 1] as const) {
        if (intervalMs === undefined) continue;
        this.#simulation.send(from, this.#sentAtMs.length);
        this.#sentAtMs.push(time.now());
      }
      this.#simulation.runUntil(Math.min(untilMs, time.now() + (intervalMs ?? untilMs)));
    }
  }

  /** What was sent since the last check must have arrived, but for what the links lose. */
  check(when: string, complain: (text: string) => void): void {
    const sent = this.#sentAtMs.length - this.#checked;
    let lost = 0;
    for (let number = this.#checked; number < this.#sentAtMs.length; number += 1)
      if (!this.#delivered.has(number)) lost += 1;
    this.#checked = this.#sentAtMs.length;
    // Four standard deviations: one network in tens of thousands.
    const tolerated = isLossless(this.#simulation.plan) ? 0 : sent * MAX_LOSS + 4 * Math.sqrt(sent * MAX_LOSS);
    if (lost > tolerated) complain(`${when}: ${lost} of ${sent} packets were lost`);
  }
}

function isLossless({ sites }: NetworkPlan): boolean {
  return sites.every(({ link }) => (link.loss ?? 0) === 0);
}

/** One line for a person: what is special about this network. */
export function describePlan({ sites, together, relays, relaysByStream, disturbances }: NetworkPlan): string {
  const site = ({ kind, nat, carrier, mapsPorts = false, ipv6 }: NetworkPlan['sites'][number]) => {
    const text = (settings: typeof nat) => `${settings.mapping}/${settings.filtering}`;
    const nats = kind === 'nat' ? [nat, ...(carrier === undefined ? [] : [carrier])].map(text) : [kind];
    return nats.join(' behind ') + (mapsPorts ? ' that maps ports' : '') + (ipv6 ? ' + IPv6' : '');
  };
  const shared = together === 'nothing' ? '' : `, same ${together}`;
  const events = disturbances.map(({ kind, site: at }: Disturbance) => `${kind} ${at}`).join(', ');
  return `${site(sites[0])} | ${site(sites[1])}${shared}, relays ${JSON.stringify(relays)}${relaysByStream ? ' by stream too' : ''}${events && `; ${events}`}`;
}
