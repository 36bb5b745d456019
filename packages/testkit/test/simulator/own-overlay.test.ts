import { describe, expect, it } from 'vitest';
import { describePlan, randomPlan, Simulation } from '../../src/index.js';

const NETWORKS = 40;
const SETTLED_MS = 40_000;
const WATCH_MS = 60_000;
const STEP_MS = 100;
/** Of 1,200: a path that goes silent while it is asked whether it is a loop. */
const MOST_LOST = 2;
/** A path through itself carries nothing, and must not be held for longer than it takes to see that. */
const MOST_HELD_MS = 300;

const isOverlay = (path: string | undefined) => path?.includes('>192.168.77.') ?? false;

/** What went wrong on one network once an overlay rode on its tunnel, one line each. */
function faults(seed: number, encrypted: boolean): string[] {
  const simulation = new Simulation(randomPlan(seed));
  simulation.start();
  simulation.runUntil(SETTLED_MS);
  const before = simulation.connections();
  // Without a path there is no tunnel for it to ride on.
  if (before.some((type) => type === undefined)) return [];
  const overlay = simulation.addOverlay({ encrypted });
  let held = 0;
  let sent = 0;
  const delivered = new Set<number>();
  simulation.onPacket((_at, number) => delivered.add(number));
  while (simulation.time.now() < SETTLED_MS + WATCH_MS) {
    for (const from of [0, 1] as const) simulation.send(from, sent++);
    simulation.runUntil(simulation.time.now() + STEP_MS);
    if (simulation.activePaths().some(isOverlay)) held += STEP_MS;
  }
  simulation.runUntil(simulation.time.now() + 1000);
  const found: string[] = [];
  if (held > MOST_HELD_MS) found.push(`a loop was the path for ${held} ms`);
  const after = simulation.connections();
  if (after.join() !== before.join()) found.push(`${before.join(' and ')} became ${after.join(' and ')}`);
  const isLossless = simulation.plan.sites.every(({ link }) => (link.loss ?? 0) === 0);
  if (isLossless && delivered.size < sent - MOST_LOST)
    found.push(`${sent - delivered.size} of ${sent} packets were lost`);
  if (overlay.carried > 1000) found.push(`${overlay.carried} datagrams went through the overlay`);
  simulation.stop();
  overlay.stop();
  return found.map((fault) => `seed ${seed}: ${describePlan(simulation.plan)}: ${fault}`);
}

describe('a network that rides on the tunnel of two nodes on random networks', () => {
  it.each([
    ['plain', false],
    ['encrypted', true],
  ])('is no path of theirs for long, where it is %s, and costs them hardly anything', (_, encrypted) => {
    const all = Array.from({ length: NETWORKS }, (_one, index) => faults(index + 1, encrypted)).flat();
    expect(all).toEqual([]);
  });
});
