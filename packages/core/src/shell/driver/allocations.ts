import type { TransportAddress } from '@wirepath/stun-codec';
import type { RelayServer } from '../../contracts/relay.js';
import type { LocalBase } from '../../engine/engine-path.js';
import type { DiscoveredCandidate } from './events.js';
import type { RelayFailure, RelayServerOf, SeenAllocation } from './relays.js';

export interface RelayState extends RelayServer {
  readonly state: 'up' | 'connecting' | 'down';
  readonly relayedAddress: TransportAddress | undefined;
  readonly rttMs: number | undefined;
  /** One line. */
  readonly error: string | undefined;
  /** The server was heard, be it that it refused. */
  readonly answered: boolean;
}

type SlotState =
  | { readonly type: 'connecting' }
  | { readonly type: 'up'; readonly allocation: SeenAllocation; readonly sinceMs: number }
  | { readonly type: 'waiting'; readonly retryAt: number };

interface Slot {
  readonly on: RelayServerOf;
  state: SlotState;
  failure: RelayFailure | undefined;
  /** Failed one after another. */
  attempts: number;
}

const RETRY_MS = 1000;
const RETRY_MAX_MS = 60_000;

/** One allocation per relay server; one that failed or was lost is made again, later and later while the server fails. */
export class Allocations {
  #slots: readonly Slot[] = [];

  /**
   * Servers that are the same objects as before keep their allocations.
   * @returns servers to allocate on, and the allocations that are given up.
   */
  setServers(servers: readonly RelayServerOf[]): {
    readonly wanted: readonly RelayServerOf[];
    readonly givenUp: readonly SeenAllocation[];
  } {
    const before = this.#slots;
    this.#slots = servers.map(
      (on) =>
        before.find((slot) => slot.on.server === on.server) ?? {
          on,
          state: { type: 'connecting' },
          failure: undefined,
          attempts: 0,
        },
    );
    const gone = before.filter((slot) => !this.#slots.includes(slot));
    return {
      wanted: this.#slots.filter((slot) => !before.includes(slot)).map(({ on }) => on),
      givenUp: gone.flatMap(({ state }) => (state.type === 'up' ? [state.allocation] : [])),
    };
  }

  /** @returns false where nobody wants it any more. */
  made(server: RelayServer, allocation: SeenAllocation, sinceMs: number): boolean {
    const slot = this.#slotOf(server);
    if (slot === undefined || slot.state.type === 'up') return false;
    slot.state = { type: 'up', allocation, sinceMs };
    slot.failure = undefined;
    slot.attempts = 0;
    return true;
  }

  /** @returns in how many ms it is tried again; undefined where nobody wants it any more. */
  failed(server: RelayServer, failure: RelayFailure, now: number): number | undefined {
    const slot = this.#slotOf(server);
    if (slot === undefined || slot.state.type === 'up') return undefined;
    const retryInMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** slot.attempts);
    slot.state = { type: 'waiting', retryAt: now + retryInMs };
    slot.failure = failure;
    slot.attempts += 1;
    return retryInMs;
  }

  /** @returns the server that it was on; undefined where it is none of ours. */
  lost(allocationId: string): RelayServerOf | undefined {
    const slot = this.#slots.find(({ state }) => state.type === 'up' && state.allocation.id === allocationId);
    if (slot !== undefined) slot.state = { type: 'connecting' };
    return slot?.on;
  }

  /** Servers that wait to be tried again are tried now: something has changed. */
  hurry(now: number): void {
    for (const slot of this.#slots) {
      if (slot.state.type !== 'waiting') continue;
      slot.state = { type: 'waiting', retryAt: now };
      slot.attempts = 0;
    }
  }

  nextTimeout(): number {
    return Math.min(...this.#slots.map(({ state }) => (state.type === 'waiting' ? state.retryAt : Infinity)));
  }

  /** Servers to try again. */
  takeDue(now: number): RelayServerOf[] {
    return this.#slots.flatMap((slot) => {
      if (slot.state.type !== 'waiting' || slot.state.retryAt > now) return [];
      slot.state = { type: 'connecting' };
      return [slot.on];
    });
  }

  has(allocationId: string): boolean {
    return this.#up().some(({ allocation }) => allocation.id === allocationId);
  }

  bases(): LocalBase[] {
    return this.#up().map(({ allocation: { id, relayedAddress } }) => ({
      id,
      family: relayedAddress.family,
      kind: 'allocation',
    }));
  }

  /** Relayed candidates, and the reflexive ones that come with them, by plugin. */
  candidates(): Map<string, DiscoveredCandidate[]> {
    const byPlugin = new Map<string, DiscoveredCandidate[]>(this.#slots.map(({ on }) => [on.plugin, []]));
    for (const { on, allocation, sinceMs: discoveredAtMs } of this.#up()) {
      const { relayedAddress, mappedAddress } = allocation;
      const server = on.server.url;
      const found = byPlugin.get(on.plugin);
      found?.push({
        type: 'relayed',
        address: relayedAddress,
        server,
        discoveredAtMs,
        ...(mappedAddress && { relatedAddress: mappedAddress }),
      });
      if (mappedAddress) found?.push({ type: 'server-reflexive', address: mappedAddress, server, discoveredAtMs });
    }
    return byPlugin;
  }

  states(): RelayState[] {
    return this.#slots.map(({ on: { server }, state, failure }) => {
      const allocation = state.type === 'up' ? state.allocation : undefined;
      return {
        url: server.url,
        transport: server.transport,
        state: state.type === 'waiting' ? 'down' : state.type,
        relayedAddress: allocation?.relayedAddress,
        rttMs: rttOf(allocation),
        error: failure?.reason,
        answered: allocation !== undefined || failure?.answered === true,
      };
    });
  }

  /** The URL of the relay whose allocation has this id. */
  urlOf(allocationId: string): string | undefined {
    return this.#up().find(({ allocation }) => allocation.id === allocationId)?.on.server.url;
  }

  #up(): { readonly on: RelayServerOf; readonly allocation: SeenAllocation; readonly sinceMs: number }[] {
    return this.#slots.flatMap(({ on, state }) => (state.type === 'up' ? [{ on, ...state }] : []));
  }

  #slotOf(server: RelayServer): Slot | undefined {
    return this.#slots.find(({ on }) => on.server === server);
  }
}

/** A live figure of the plugin's: what is no figure is not told. */
function rttOf(allocation: SeenAllocation | undefined): number | undefined {
  const rttMs: unknown = allocation?.rttMs;
  return typeof rttMs === 'number' && Number.isFinite(rttMs) ? rttMs : undefined;
}
