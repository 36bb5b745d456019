import { transportAddress } from '@wirepath/stun-codec';
import type { RelayTransport } from '../../../../src/contracts/relay.js';
import { Allocations } from '../../../../src/shell/driver/allocations.js';
import type { RelayServerOf, SeenAllocation } from '../../../../src/shell/driver/relays.js';

export interface ServerPlan {
  readonly name: string;
  readonly transport?: RelayTransport;
  readonly group?: string;
  /** Undefined: silent. */
  rttMs?: number | undefined;
  /** It answers, and refuses to allocate. */
  refuses?: boolean;
}

const PROBE_LIMIT_MS = 5000;
const ALLOCATE_LIMIT_MS = 20_000;
const FAILURE = { reason: 'no answer', answered: false };

/** Servers that answer after their round trips or not at all, around {@link Allocations}. Virtual time. */
export class RelayWorld {
  readonly allocations = new Allocations();
  readonly log: string[] = [];
  /** Ids of allocations that paths lead through. */
  readonly used = new Set<string>();
  readonly servers: readonly (RelayServerOf & { readonly plan: ServerPlan })[];
  now = 0;
  /** Allocations that stand, by server's name. */
  readonly standing = new Map<string, string>();
  #made = 0;
  #queue: { readonly at: number; readonly run: () => void }[] = [];

  constructor(plans: readonly ServerPlan[]) {
    this.servers = plans.map((plan) => ({
      plugin: 'relay',
      canProbe: true,
      plan,
      server: {
        url: plan.name,
        transport: plan.transport ?? 'udp',
        ...(plan.group !== undefined && { group: plan.group }),
      },
    }));
    this.allocations.setServers(this.servers);
    this.#tend();
  }

  plan(name: string): ServerPlan {
    const found = this.servers.find(({ plan }) => plan.name === name)?.plan;
    if (found === undefined) throw new Error(`no server ${name}`);
    return found;
  }

  /** A path went silent. */
  suspect(): void {
    this.allocations.suspect(this.now);
    this.#tend();
  }

  /** The server resets: its allocation is gone. */
  lose(name: string): void {
    const id = this.standing.get(name);
    if (id === undefined) throw new Error(`no allocation on ${name}`);
    this.standing.delete(name);
    const on = this.allocations.lost(id);
    if (on !== undefined) this.allocations.failed(on.server, FAILURE, this.now);
    this.#tend();
  }

  pass(ms: number): this {
    const until = this.now + ms;
    for (;;) {
      this.#queue.sort((a, b) => a.at - b.at);
      const at = Math.min(this.#queue[0]?.at ?? Infinity, this.allocations.nextTimeout());
      if (at > until) break;
      this.now = Math.max(this.now, at);
      if ((this.#queue[0]?.at ?? Infinity) <= this.now) this.#queue.shift()?.run();
      this.#tend();
    }
    this.now = until;
    return this;
  }

  /** What was wanted since the last look. */
  take(what = /./): string[] {
    return this.log.splice(0).filter((line) => what.test(line));
  }

  states(): Record<string, string> {
    return Object.fromEntries(this.allocations.states().map(({ url, state }) => [url, state]));
  }

  #tend(): void {
    const { allocate, probe, close } = this.allocations.takeDue(this.now, (id) => this.used.has(id));
    for (const { server } of probe) this.#probe(server.url);
    for (const { server } of allocate) this.#allocate(server.url);
    for (const { id } of close) {
      const name = [...this.standing].find(([, one]) => one === id)?.[0] ?? '';
      this.standing.delete(name);
      this.log.push(`${this.now} close ${name}`);
    }
  }

  #probe(name: string): void {
    this.log.push(`${this.now} probe ${name}`);
    const { rttMs } = this.plan(name);
    const { server } = this.#on(name);
    if (rttMs === undefined) this.#after(PROBE_LIMIT_MS, () => this.allocations.probeFailed(server, FAILURE, this.now));
    else this.#after(rttMs, () => this.allocations.probed(server, rttMs, this.now));
  }

  #allocate(name: string): void {
    this.log.push(`${this.now} allocate ${name}`);
    const { rttMs, refuses } = this.plan(name);
    const { server } = this.#on(name);
    if (rttMs === undefined || refuses === true) {
      this.#after(rttMs ?? ALLOCATE_LIMIT_MS, () => this.allocations.failed(server, FAILURE, this.now));
      return;
    }
    this.#after(rttMs, () => {
      this.#made += 1;
      const seen: SeenAllocation = {
        id: `a${this.#made}`,
        relayedAddress: transportAddress('203.0.113.1', 40_000 + this.#made),
        rttMs,
      };
      this.standing.set(name, seen.id);
      this.allocations.made(server, seen, this.now, this.now);
    });
  }

  #on(name: string): RelayServerOf {
    const found = this.servers.find(({ plan }) => plan.name === name);
    if (found === undefined) throw new Error(`no server ${name}`);
    return found;
  }

  #after(ms: number, run: () => void): void {
    this.#queue.push({ at: this.now + ms, run });
  }
}
