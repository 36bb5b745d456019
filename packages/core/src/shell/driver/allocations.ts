import type { TransportAddress } from '@wirepath/stun-codec';
import type { RelayServer } from '../../contracts/relay.js';
import type { LocalBase } from '../../engine/engine-path.js';
import type { DiscoveredCandidate } from './events.js';
import { ALLOCATING_MS, DOUBT_AFTER_MS, isInDoubt, machinesOf, type ServerStanding } from './relay-choice/machine.js';
import { probeDueAt, retryMs } from './relay-choice/probe-times.js';
import { RelayChoice, type Role } from './relay-choice/relay-choice.js';
import type { RelayFailure, RelayServerOf, SeenAllocation } from './relays.js';

export interface RelayState extends RelayServer {
  /** `measured`: it answers, and there is no allocation on it; `ready`: there is, and another is nearer. */
  readonly state: 'up' | 'ready' | 'measured' | 'connecting' | 'down';
  readonly relayedAddress: TransportAddress | undefined;
  readonly rttMs: number | undefined;
  /** Why it is `ready` or `measured`, in one line. */
  readonly reason: string | undefined;
  /** One line. */
  readonly error: string | undefined;
  /** The server was heard, be it that it refused. */
  readonly answered: boolean;
}

interface Slot {
  readonly on: RelayServerOf;
  allocation: { readonly seen: SeenAllocation; readonly atMs: number } | 'asked' | undefined;
  /** Since when the allocation is what it is. */
  sinceMs: number;
  failure: RelayFailure | undefined;
  /** Failed one after another. */
  attempts: number;
  /** When the newest attempt or probe ended; -Infinity: there is none, or another is wanted at once. */
  endedAtMs: number;
  isAsked: boolean;
  /** When the newest probe began. */
  askedAtMs: number;
  /** Of the newest probe, where it was answered. */
  rttMs: number | undefined;
  doubtedSinceMs: number | undefined;
  /** Others have been asked because of it. */
  isDoubtHeeded: boolean;
  retiringSinceMs: number | undefined;
  role: Role;
}

/** What is wanted of relays now. */
export interface RelayWants {
  readonly allocate: readonly RelayServerOf[];
  readonly probe: readonly RelayServerOf[];
  readonly close: readonly SeenAllocation[];
  /** Another allocation than before is being given up, or none is. */
  readonly hasChanged: boolean;
}

/** Whether a path leaves from an allocation, or something came in on it since then. */
export type IsInUse = (allocationId: string, sinceMs: number) => boolean;

/** A surplus allocation that nothing has used for so long is given up. */
const UNUSED_MS = 30_000;
/** Peers hear of that, and have so long at least to leave it. */
const RETIRING_MS = 3000;
const QUIET_MS = 2000;
const LOOK_AGAIN_MS = 1000;

/**
 * Allocations on relay servers, and probes of them. A server that cannot be probed, or is the only one, has an allocation always;
 * of others {@link RelayChoice} says which. One that failed or was lost is tried again, later and later while the server fails.
 */
export class Allocations {
  readonly #choice = new RelayChoice();
  #slots: readonly Slot[] = [];
  #nextAtMs = Infinity;

  /**
   * Servers that are the same objects as before keep their allocations.
   * @returns the allocations that are given up.
   */
  setServers(servers: readonly RelayServerOf[]): readonly SeenAllocation[] {
    const before = this.#slots;
    this.#slots = servers.map((on) => before.find((slot) => slot.on.server === on.server) ?? newSlot(on));
    const gone = before.filter((slot) => !this.#slots.includes(slot));
    return gone.flatMap((slot) => seenOf(slot) ?? []);
  }

  /** @returns false where nobody wants it any more. */
  made(server: RelayServer, seen: SeenAllocation, atMs: number, now: number): boolean {
    const slot = this.#slotOf(server);
    if (slot === undefined || seenOf(slot) !== undefined) return false;
    slot.allocation = { seen, atMs };
    slot.sinceMs = now;
    slot.failure = undefined;
    slot.attempts = 0;
    return true;
  }

  /** @returns in how many ms it is tried again; undefined where nobody wants it any more. */
  failed(server: RelayServer, failure: RelayFailure, now: number): number | undefined {
    const slot = this.#slotOf(server);
    if (slot === undefined || seenOf(slot) !== undefined) return undefined;
    slot.allocation = undefined;
    slot.rttMs = undefined;
    return noteFailure(slot, failure, now);
  }

  /** @returns the server that it was on; undefined where it is none of ours. */
  lost(allocationId: string): RelayServerOf | undefined {
    const slot = this.#slots.find((one) => seenOf(one)?.id === allocationId);
    if (slot === undefined) return undefined;
    empty(slot);
    this.#askAgain(this.#several);
    return slot.on;
  }

  probed(server: RelayServer, rttMs: number, now: number): void {
    const slot = this.#slotOf(server);
    if (slot === undefined) return;
    slot.isAsked = false;
    slot.endedAtMs = now;
    slot.rttMs = rttMs;
    trust(slot);
  }

  /** @returns in how many ms it is tried again; undefined where its machine is reached otherwise, or may be. */
  probeFailed(server: RelayServer, failure: RelayFailure, now: number): number | undefined {
    const slot = this.#slotOf(server);
    if (slot === undefined) return undefined;
    slot.isAsked = false;
    slot.rttMs = undefined;
    slot.endedAtMs = now;
    if (slot.allocation !== undefined) return undefined;
    const retryInMs = noteFailure(slot, failure, now);
    const others = this.#slots.filter(({ on }) => on.server.group !== undefined && on.server.group === server.group);
    return others.some(({ isAsked, rttMs, allocation }) => isAsked || rttMs !== undefined || allocation !== undefined)
      ? undefined
      : retryInMs;
  }

  /** A path went silent: are the servers still there? */
  suspect(now: number): void {
    for (const slot of this.#several) if (seenOf(slot) !== undefined) slot.doubtedSinceMs ??= now;
    this.#nextAtMs = now;
  }

  /** Servers that wait to be tried again are tried now: something has changed. */
  hurry(now: number): void {
    for (const slot of this.#slots) if (slot.allocation === undefined) slot.attempts = 0;
    this.#askAgain(this.#slots);
    this.#nextAtMs = now;
  }

  nextTimeout(): number {
    return this.#nextAtMs;
  }

  /** What is due; to be asked after whatever happens to relays, too. */
  takeDue(now: number, isInUse: IsInUse): RelayWants {
    const several = this.#several;
    this.#heedDoubts(now);
    const { allocate, roles, nextAtMs } = this.#choice.choose(several.map(standingOf), now);
    for (const slot of several) slot.role = roles.get(slot.on.server) ?? 'none';
    const plain = this.#slots.filter((slot) => !several.includes(slot));
    for (const slot of plain) [slot.role, slot.retiringSinceMs] = ['none', undefined];
    const retryAt = ({ allocation, endedAtMs, attempts }: Slot) =>
      allocation === undefined ? endedAtMs + retryMs(attempts) : Infinity;
    const times = [nextAtMs, ...plain.map(retryAt)];
    const toAllocate = [
      ...plain.filter((slot) => retryAt(slot) <= now),
      ...several.filter(({ on }) => allocate.includes(on.server)),
    ];
    for (const slot of toAllocate) [slot.allocation, slot.sinceMs] = ['asked', now];
    const toProbe: Slot[] = [];
    for (const machine of machinesOf(several.map(standingOf))) {
      for (const standing of machine.servers) {
        const at = probeDueAt(machine, standing, now);
        const slot = this.#slotOf(standing.server);
        if (at <= now && slot !== undefined) toProbe.push(slot);
        times.push(at);
      }
    }
    for (const slot of toProbe) [slot.isAsked, slot.askedAtMs] = [true, now];
    const { close, hasChanged } = giveUp(several, now, isInUse);
    this.#nextAtMs = Math.min(...[...times, ...several.map((slot) => lookAgainAt(slot, now))].filter((at) => at > now));
    return { allocate: toAllocate.map(({ on }) => on), probe: toProbe.map(({ on }) => on), close, hasChanged };
  }

  has(allocationId: string): boolean {
    return this.#up().some(({ seen }) => seen.id === allocationId);
  }

  bases(): LocalBase[] {
    return this.#up().map(({ seen: { id, relayedAddress }, retiringSinceMs }) => ({
      id,
      family: relayedAddress.family,
      kind: 'allocation',
      ...(retiringSinceMs !== undefined && { isRetiring: true }),
    }));
  }

  /** Relayed candidates, and the reflexive ones that come with them, by plugin. */
  candidates(): Map<string, DiscoveredCandidate[]> {
    const byPlugin = new Map<string, DiscoveredCandidate[]>(this.#slots.map(({ on }) => [on.plugin, []]));
    for (const { on, seen, atMs: discoveredAtMs, retiringSinceMs } of this.#up()) {
      const { relayedAddress: address, mappedAddress } = seen;
      const { url: server, transport } = on.server;
      const found = byPlugin.get(on.plugin);
      const relatedAddress = mappedAddress && { relatedAddress: mappedAddress };
      // Peers leave one that they are told no more.
      if (retiringSinceMs === undefined)
        found?.push({ type: 'relayed', address, server, discoveredAtMs, ...relatedAddress });
      // What a stream comes from lets no datagram in.
      if (mappedAddress && transport === 'udp')
        found?.push({ type: 'server-reflexive', address: mappedAddress, server, discoveredAtMs });
    }
    return byPlugin;
  }

  states(): RelayState[] {
    return this.#slots.map((slot) => {
      const { url, transport } = slot.on.server;
      const seen = seenOf(slot);
      const state = stateOf(slot);
      const error = slot.rttMs === undefined || slot.allocation !== undefined ? slot.failure : undefined;
      return {
        url,
        transport,
        state,
        relayedAddress: seen?.relayedAddress,
        rttMs: rttOf(seen) ?? slot.rttMs,
        reason: reasonOf(slot, state),
        error: error?.reason,
        answered: seen !== undefined || slot.rttMs !== undefined || slot.failure?.answered === true,
      };
    });
  }

  /** The URL of the relay whose allocation has this id. */
  urlOf(allocationId: string): string | undefined {
    return this.#up().find(({ seen }) => seen.id === allocationId)?.on.server.url;
  }

  /** Servers that there is a choice of. */
  get #several(): readonly Slot[] {
    const those = this.#slots.filter(({ on }) => on.canProbe);
    return those.length > 1 ? those : [];
  }

  /** One in doubt that others are not asked for yet: what was measured before says nothing of now. */
  #heedDoubts(now: number): void {
    const doubted = this.#several.filter((slot) => !slot.isDoubtHeeded && isInDoubt(standingOf(slot), now));
    for (const slot of doubted) slot.isDoubtHeeded = true;
    if (doubted.length > 0) this.#askAgain(this.#several);
  }

  #askAgain(slots: readonly Slot[]): void {
    for (const slot of slots) if (slot.allocation === undefined) [slot.rttMs, slot.endedAtMs] = [undefined, -Infinity];
  }

  #up(): (Slot & { readonly seen: SeenAllocation; readonly atMs: number })[] {
    return this.#slots.flatMap((slot) =>
      typeof slot.allocation === 'object' ? [{ ...slot, ...slot.allocation }] : [],
    );
  }

  #slotOf(server: RelayServer): Slot | undefined {
    return this.#slots.find(({ on }) => on.server === server);
  }
}

function newSlot(on: RelayServerOf): Slot {
  return {
    on,
    allocation: undefined,
    sinceMs: 0,
    failure: undefined,
    attempts: 0,
    endedAtMs: -Infinity,
    isAsked: false,
    askedAtMs: -Infinity,
    rttMs: undefined,
    doubtedSinceMs: undefined,
    isDoubtHeeded: false,
    retiringSinceMs: undefined,
    role: 'none',
  };
}

function seenOf({ allocation }: Slot): SeenAllocation | undefined {
  return typeof allocation === 'object' ? allocation.seen : undefined;
}

function standingOf(slot: Slot): ServerStanding {
  const { on, allocation, sinceMs, rttMs, isAsked, askedAtMs, endedAtMs, attempts, doubtedSinceMs } = slot;
  return {
    server: on.server,
    allocation: typeof allocation === 'object' ? 'up' : (allocation ?? 'none'),
    sinceMs,
    rttMs: rttOf(seenOf(slot)) ?? rttMs,
    isAsked,
    askedAtMs,
    endedAtMs,
    attempts,
    doubtedSinceMs,
  };
}

/** @returns in how many ms it is tried again. */
function noteFailure(slot: Slot, failure: RelayFailure, now: number): number {
  slot.failure = failure;
  slot.endedAtMs = now;
  slot.attempts += 1;
  return retryMs(slot.attempts);
}

/** It has no allocation any more. */
function empty(slot: Slot): void {
  slot.allocation = undefined;
  slot.retiringSinceMs = undefined;
  trust(slot);
}

function trust(slot: Slot): void {
  slot.doubtedSinceMs = undefined;
  slot.isDoubtHeeded = false;
}

/** Make before break: what is not needed is told to peers no more, and closed when nothing uses it. */
function giveUp(slots: readonly Slot[], now: number, isInUse: IsInUse): Pick<RelayWants, 'close' | 'hasChanged'> {
  let hasChanged = false;
  const close: SeenAllocation[] = [];
  for (const slot of slots) {
    const seen = seenOf(slot);
    if (seen === undefined) continue;
    const { role, retiringSinceMs, sinceMs } = slot;
    const isUnused = () => sinceMs <= now - UNUSED_MS && !isInUse(seen.id, now - UNUSED_MS);
    const isRetiring = role === 'replaced' || (role === 'surplus' && (retiringSinceMs !== undefined || isUnused()));
    if (isRetiring !== (retiringSinceMs !== undefined)) hasChanged = true;
    slot.retiringSinceMs = isRetiring ? (retiringSinceMs ?? now) : undefined;
    if ((slot.retiringSinceMs ?? Infinity) > now - RETIRING_MS || isInUse(seen.id, now - QUIET_MS)) continue;
    close.push(seen);
    empty(slot);
    hasChanged = true;
  }
  return { close, hasChanged };
}

function lookAgainAt({ allocation, sinceMs, doubtedSinceMs = Infinity, role }: Slot, now: number): number {
  const isToGo = allocation !== undefined && (role === 'surplus' || role === 'replaced');
  const patience = allocation === 'asked' ? sinceMs + ALLOCATING_MS : Infinity;
  return Math.min(patience, doubtedSinceMs + DOUBT_AFTER_MS, isToGo ? now + LOOK_AGAIN_MS : Infinity);
}

function stateOf({ allocation, role, rttMs, endedAtMs }: Slot): RelayState['state'] {
  if (allocation === 'asked') return 'connecting';
  if (allocation !== undefined) return role === 'none' || role === 'nearest' ? 'up' : 'ready';
  if (rttMs !== undefined) return 'measured';
  return endedAtMs === -Infinity ? 'connecting' : 'down';
}

function reasonOf({ role }: Slot, state: RelayState['state']): string | undefined {
  if (state === 'measured') return 'not needed: others are nearer, or cheaper to reach';
  if (state !== 'ready') return undefined;
  if (role === 'replaced') return 'given up: its machine is reached over a cheaper transport';
  return role === 'surplus' ? 'given up once nothing uses it: others are nearer' : 'kept ready: another is nearer';
}

/** A live figure of the plugin's: what is no figure is not told. */
function rttOf(allocation: SeenAllocation | undefined): number | undefined {
  const rttMs: unknown = allocation?.rttMs;
  return typeof rttMs === 'number' && Number.isFinite(rttMs) ? rttMs : undefined;
}
