import type { RelayServer } from '../../../contracts/relay.js';
import { bestOf, distanceOf, isHeld, machinesOf, readyAt, type Machine, type ServerStanding } from './machine.js';

/** Allocations cost servers money: one on the nearest machine, and one on another, which peers know by the time it is needed. */
const WANTED = 2;
/** While a nearer one takes the place of one that is still used. */
const WANTED_AT_MOST = 3;
/** Machines that answer this long after the first was allocated on may still become the second. */
const SECOND_AFTER_MS = 1000;
/** A machine is nearer than another by this much ... */
const GAIN_MS = 10;
const GAIN_RATIO = 0.2;
/** ... for so long, before it takes its place. */
const STEADY_MS = 120_000;

/** What is to be done about a server. */
export type Role =
  /** Of the nearest machine. */
  | 'nearest'
  /** Of another, kept ready. */
  | 'ready'
  /** Not needed: given up once nothing has used it for a while. */
  | 'surplus'
  /** Another of its machine has taken its place: given up as soon as nothing uses it. */
  | 'replaced'
  | 'none';

export interface Choice {
  /** To allocate on. */
  readonly allocate: readonly RelayServer[];
  readonly roles: ReadonlyMap<RelayServer, Role>;
  /** When to choose again at the latest. */
  readonly nextAtMs: number;
}

/** On which of several servers to have an allocation. Nothing that is used is given up for being farther: peers chose it too. */
export class RelayChoice {
  /** The one that is nearer than those in use, and since when. */
  #rival: { readonly server: RelayServer | undefined; readonly sinceMs: number } | undefined;

  choose(standings: readonly ServerStanding[], now: number): Choice {
    const machines = machinesOf(standings);
    const byDistance = (a: Machine, b: Machine) => distanceOf(a, now) - distanceOf(b, now);
    const held = machines.filter((machine) => isHeld(machine, now)).sort(byDistance);
    const others = machines.filter((machine) => !isHeld(machine, now)).sort(byDistance);
    const { added, nextAtMs } = this.#add(held, others, now);
    const chosen = [...added, ...held].sort(byDistance).slice(0, WANTED);
    const roles = new Map<RelayServer, Role>();
    for (const machine of machines) {
      const best = bestOf(machine, now);
      const role = chosen.includes(machine) ? (machine === chosen[0] ? 'nearest' : 'ready') : 'surplus';
      for (const { server, allocation } of machine.servers) {
        const isReplaced = best?.allocation === 'up' && best.server !== server;
        if (allocation === 'up') roles.set(server, isReplaced ? 'replaced' : role);
        else roles.set(server, best?.server === server && role !== 'surplus' ? role : 'none');
      }
    }
    const allocate = chosen.flatMap((machine) => {
      const best = bestOf(machine, now);
      return best?.allocation === 'none' && readyAt(machine, now) <= now ? [best.server] : [];
    });
    const waits = chosen.map((machine) => readyAt(machine, now)).filter((at) => at > now);
    return { allocate, roles, nextAtMs: Math.min(nextAtMs, ...waits) };
  }

  /** Machines that are to be allocated on beside those that are held, the nearest first. */
  #add(held: readonly Machine[], others: readonly Machine[], now: number): { added: Machine[]; nextAtMs: number } {
    const [nearest] = held;
    const next = others.find((machine) => readyAt(machine, now) <= now);
    const waits = Math.min(...others.map((machine) => readyAt(machine, now)).filter((at) => at > now));
    const rival =
      held.length >= WANTED && held.length < WANTED_AT_MOST && next && nearest && isNearer(next, nearest, now);
    if (rival !== true) this.#rival = undefined;
    if (next === undefined) return { added: [], nextAtMs: waits };
    if (nearest === undefined) return { added: [next], nextAtMs: Infinity };
    if (held.length < WANTED) {
      const best = bestOf(nearest, now);
      if (best?.allocation !== 'up') return { added: [], nextAtMs: Infinity };
      const dueAt = best.sinceMs + SECOND_AFTER_MS;
      const isAsking = others.some(({ servers }) => servers.some(({ isAsked }) => isAsked));
      return isAsking && now < dueAt ? { added: [], nextAtMs: dueAt } : { added: [next], nextAtMs: waits };
    }
    if (rival !== true) return { added: [], nextAtMs: waits };
    const server = bestOf(next, now)?.server;
    if (this.#rival === undefined || this.#rival.server !== server) this.#rival = { server, sinceMs: now };
    const dueAt = this.#rival.sinceMs + STEADY_MS;
    return now < dueAt ? { added: [], nextAtMs: dueAt } : { added: [next], nextAtMs: waits };
  }
}

function isNearer(a: Machine, b: Machine, now: number): boolean {
  const [ofA, ofB] = [distanceOf(a, now), distanceOf(b, now)];
  return ofB - ofA >= Math.max(GAIN_MS, ofB * GAIN_RATIO);
}
