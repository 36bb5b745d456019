import type { Disturbance, NetworkPlan } from './network-plan.js';
import { Simulation } from './simulation.js';

/** Both have found their best path by then. */
const SETTLED_MS = 60_000;
/** After something happened to an idle network, which nobody notices before the next keepalive. */
const RECOVERED_MS = 90_000;
/** For so long the paths are watched after they have settled. */
const WATCH_MS = 120_000;
const DATA_INTERVAL_MS = 500;
/** Later than this is lost. */
const DELIVERED_WITHIN_MS = 1000;
/** Near-equal paths switch at most once a minute. */
const MAX_SWITCHES = WATCH_MS / 60_000;
/** Datagrams that one node may send a second, on average: no storms. */
const MAX_DATAGRAMS_A_SECOND = 100;

/**
 * Runs two nodes on the network of a plan.
 * @returns what went otherwise than it must, one line each; empty when all is well.
 */
export function violationsOf(plan: NetworkPlan): string[] {
  const simulation = new Simulation(plan);
  const violations: string[] = [];
  const complain = (text: string) => violations.push(text);

  simulation.start();
  simulation.runUntil(SETTLED_MS);
  checkConnections(simulation, 'settled', complain);
  let atMs = SETTLED_MS;
  for (const disturbance of plan.disturbances) {
    simulation.disturb(disturbance);
    atMs += RECOVERED_MS;
    simulation.runUntil(atMs);
    checkConnections(simulation, `after ${disturbance.kind}`, complain);
  }
  watch(simulation, atMs + WATCH_MS, complain);

  const { sentDatagrams } = simulation;
  const mostDatagrams = ((atMs + WATCH_MS) / 1000) * MAX_DATAGRAMS_A_SECOND;
  for (const [index, count] of sentDatagrams.entries())
    if (count > mostDatagrams) complain(`node ${index} sent ${count} datagrams`);

  simulation.stop();
  const traced = simulation.trace.length;
  simulation.runUntil(atMs + WATCH_MS + 10_000);
  if (simulation.time.pendingTimers > 0) complain(`${simulation.time.pendingTimers} timers are left after stop`);
  if (simulation.trace.length > traced) complain('an engine went on after stop');
  return violations;
}

function checkConnections(simulation: Simulation, when: string, complain: (text: string) => void): void {
  const shown = simulation.connections();
  for (const [index, expected] of simulation.expected.entries()) {
    if (shown[index] !== expected)
      complain(`${when}: node ${index} is ${shown[index] ?? 'not connected'}, must be ${expected ?? 'not connected'}`);
  }
}

/** Data flows both ways: nothing is lost but what the links lose, and the path does not flap. */
function watch(simulation: Simulation, untilMs: number, complain: (text: string) => void): void {
  const connected = simulation.expected.every((type) => type !== undefined);
  const sentAtMs = new Map<number, number>();
  const delivered = new Set<number>();
  simulation.onPacket((_at, number) => {
    if (simulation.time.now() - (sentAtMs.get(number) ?? -Infinity) <= DELIVERED_WITHIN_MS) delivered.add(number);
  });
  let paths = simulation.activePaths();
  let switches = 0;
  for (let atMs = simulation.time.now(); atMs < untilMs; atMs += DATA_INTERVAL_MS) {
    if (connected && atMs + DELIVERED_WITHIN_MS < untilMs) {
      for (const from of [0, 1] as const) {
        sentAtMs.set(sentAtMs.size, atMs);
        simulation.send(from, sentAtMs.size - 1);
      }
    }
    simulation.runUntil(atMs + DATA_INTERVAL_MS);
    const now = simulation.activePaths();
    if (now[0] !== paths[0] || now[1] !== paths[1]) switches += 1;
    paths = now;
  }
  if (switches > MAX_SWITCHES) complain(`paths switched ${switches} times in ${WATCH_MS / 1000} s`);
  const lossless = simulation.plan.sites.every(({ link }) => (link.loss ?? 0) === 0);
  const lost = sentAtMs.size - delivered.size;
  // A relayed datagram crosses four links; each of them loses at most 3 %.
  const tolerated = lossless ? 0 : sentAtMs.size * 0.2;
  if (lost > tolerated) complain(`${lost} of ${sentAtMs.size} packets were lost`);
}

/** One line for a person: what is special about this network. */
export function describePlan({ sites, together, relays, disturbances }: NetworkPlan): string {
  const site = ({ kind, nat, carrier, ipv6 }: NetworkPlan['sites'][number]) => {
    const text = (settings: typeof nat) => `${settings.mapping}/${settings.filtering}`;
    const nats = kind === 'nat' ? [nat, ...(carrier === undefined ? [] : [carrier])].map(text) : [kind];
    return nats.join(' behind ') + (ipv6 ? ' + IPv6' : '');
  };
  const shared = together === 'nothing' ? '' : `, same ${together}`;
  const events = disturbances.map(({ kind, site: at }: Disturbance) => `${kind} ${at}`).join(', ');
  return `${site(sites[0])} | ${site(sites[1])}${shared}, relays ${JSON.stringify(relays)}${events && `; ${events}`}`;
}
