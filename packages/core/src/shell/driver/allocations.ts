import { formatAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { GatheredCandidate } from '../../contracts/candidate.js';
import type { Clock } from '../../base/time/clock.js';
import type { Datagrams } from '../../contracts/datagrams.js';
import type { Logger } from '../../base/logging/logger.js';
import type { RelayFraming } from '../../contracts/path.js';
import type { Allocation, Relay, RelayServer } from '../../contracts/relay.js';
import type { LocalBase } from '../../engine/engine-path.js';
import { reasonOf } from '../../base/errors/reason-of.js';
import { stackOf } from '../../base/errors/stack-of.js';
import { oneLine, Refusals } from '../../base/guard/refusals.js';
import { within } from '../../base/time/deadline.js';
import { allocationFault, framingFault, serverFault } from '../adapters/check-allocation.js';

export interface RelayState extends RelayServer {
  readonly state: 'up' | 'connecting' | 'down';
  readonly relayedAddress: TransportAddress | undefined;
  readonly rttMs: number | undefined;
  /** One line. */
  readonly error: string | undefined;
  /** The server was heard, be it that it refused. */
  readonly answered: boolean;
}

interface Slot {
  readonly plugin: string;
  readonly relay: Relay;
  readonly server: RelayServer;
  allocation: Allocation | undefined;
  connecting: boolean;
  error: string | undefined;
  answered: boolean;
  attempts: number;
  retry: Disposable | undefined;
  lost: Disposable | undefined;
  /** The first attempt. */
  first: Promise<void> | undefined;
}

/** A server's addresses, one after the other, each with retransmissions. */
const ALLOCATE_LIMIT_MS = 60_000;
const RETRY_MS = 1000;
const RETRY_MAX_MS = 60_000;

/** One allocation per configured relay server, kept for as long as the node runs; lost ones are made again. */
export class Allocations {
  #slots: Slot[];
  /**
   * Of each permission that is wanted, by allocation and the peer's address; undefined until it is granted. One that is
   * released meanwhile leaves nothing.
   */
  readonly #framings = new Map<string, Map<string, RelayFraming | undefined>>();
  readonly #refusals: ReadonlyMap<string, Refusals>;
  readonly #relays: readonly { readonly plugin: string; readonly instance: Relay }[];
  #signal: AbortSignal | undefined;

  constructor(
    relays: readonly { readonly plugin: string; readonly instance: Relay }[],
    readonly needs: {
      readonly clock: Clock;
      readonly logger: Logger;
      readonly datagrams: () => Datagrams | undefined;
      /** An allocation came or went. */
      readonly onChange: () => void;
    },
  ) {
    const { clock, logger } = needs;
    this.#refusals = new Map(
      relays.map(({ plugin }) => {
        const cure = `update or remove ${plugin}, or tell its author`;
        return [plugin, new Refusals({ plugin, what: 'allocation', cure, clock, logger })];
      }),
    );
    this.#relays = relays;
    this.#slots = this.#wantedSlots();
  }

  /**
   * Servers were added or taken away: one that is the same object as before keeps its allocation, others are given up and asked
   * for.
   */
  renew(): void {
    const before = this.#slots;
    const wanted = this.#wantedSlots();
    this.#slots = wanted.map((slot) => before.find(({ server }) => server === slot.server) ?? slot);
    for (const slot of before) if (!this.#slots.includes(slot)) this.#giveUp(slot);
    if (this.#signal === undefined) return;
    for (const slot of this.#slots) if (!before.includes(slot)) slot.first = this.#allocate(slot);
    this.needs.onChange();
  }

  #wantedSlots(): Slot[] {
    const usable = (plugin: string) => (server: RelayServer) => {
      const fault = serverFault(server);
      if (fault !== undefined) this.#refusals.get(plugin)?.refuse('a relay server', fault);
      return fault === undefined;
    };
    return this.#relays.flatMap(({ plugin, instance }) =>
      instance.servers.filter(usable(plugin)).map((server) => ({
        plugin,
        relay: instance,
        server,
        allocation: undefined,
        connecting: false,
        error: undefined,
        answered: false,
        attempts: 0,
        retry: undefined,
        lost: undefined,
        first: undefined,
      })),
    );
  }

  #giveUp(slot: Slot): void {
    slot.retry?.[Symbol.dispose]();
    slot.lost?.[Symbol.dispose]();
    const { allocation } = slot;
    slot.allocation = undefined;
    if (allocation === undefined) return;
    this.#framings.delete(allocation.id);
    allocation.close().catch((error: unknown) => this.#log(error));
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    for (const slot of this.#slots) slot.first = this.#allocate(slot);
  }

  async stop(): Promise<void> {
    this.#signal = undefined;
    for (const slot of this.#slots) {
      slot.retry?.[Symbol.dispose]();
      slot.lost?.[Symbol.dispose]();
    }
    const open = this.#slots.flatMap(({ allocation }) => (allocation === undefined ? [] : [allocation]));
    await Promise.all(open.map((allocation) => allocation.close().catch((error: unknown) => this.#log(error))));
    for (const slot of this.#slots) slot.allocation = undefined;
  }

  /** Resolves when every server has answered or failed once, or after `timeoutMs`. */
  async settled(timeoutMs: number): Promise<void> {
    let timer: Disposable | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = this.needs.clock.setTimeout(resolve, timeoutMs);
    });
    await Promise.race([Promise.all(this.#slots.map(({ first }) => first ?? Promise.resolve())), timeout]);
    timer?.[Symbol.dispose]();
  }

  /** Renews every allocation; a lost one is made again. */
  async refresh(signal: AbortSignal): Promise<void> {
    const open = this.#slots.flatMap(({ allocation }) => (allocation === undefined ? [] : [allocation]));
    await Promise.all(
      open.map((allocation) =>
        within(() => allocation.refresh({ signal }), {
          clock: this.needs.clock,
          signal,
          timeoutMs: ALLOCATE_LIMIT_MS,
          what: 'refresh of an allocation',
        }).catch((error: unknown) => this.#log(error)),
      ),
    );
  }

  /** Those that wait to be tried again are tried now: something has changed. */
  hurry(): void {
    for (const slot of this.#slots) {
      if (slot.retry === undefined || slot.allocation !== undefined) continue;
      slot.retry[Symbol.dispose]();
      slot.retry = undefined;
      slot.attempts = 0;
      void this.#allocate(slot);
    }
  }

  bases(): LocalBase[] {
    return this.#open().map(({ id, relayedAddress }) => ({ id, family: relayedAddress.family, kind: 'allocation' }));
  }

  /** Relayed candidates, and the reflexive ones that come with them, by plugin. */
  candidates(): Map<string, GatheredCandidate[]> {
    const byPlugin = new Map<string, GatheredCandidate[]>(this.#slots.map(({ plugin }) => [plugin, []]));
    for (const { plugin, server, allocation } of this.#slots) {
      if (allocation === undefined) continue;
      const { relayedAddress, mappedAddress } = allocation;
      const found = byPlugin.get(plugin);
      found?.push({
        type: 'relayed',
        address: relayedAddress,
        server: server.url,
        ...(mappedAddress && { relatedAddress: mappedAddress }),
      });
      if (mappedAddress) found?.push({ type: 'server-reflexive', address: mappedAddress, server: server.url });
    }
    return byPlugin;
  }

  states(): RelayState[] {
    return this.#slots.map(({ server, allocation, connecting, error, answered }) => ({
      url: server.url,
      transport: server.transport,
      state: allocation !== undefined ? 'up' : connecting ? 'connecting' : 'down',
      relayedAddress: allocation?.relayedAddress,
      rttMs: rttOf(allocation),
      error,
      answered: allocation !== undefined || answered,
    }));
  }

  /** What plugins gave that is no allocation, one line each. */
  problems(): string[] {
    return [...this.#refusals.values()].flatMap((refusals) => refusals.problems());
  }

  counters(): Record<string, number> {
    return Object.assign({}, ...[...this.#refusals.values()].map((refusals) => refusals.counters())) as Record<
      string,
      number
    >;
  }

  /** The URL of the relay whose allocation has this id. */
  urlOf(allocationId: string): string | undefined {
    return this.#slots.find(({ allocation }) => allocation?.id === allocationId)?.server.url;
  }

  async permit(allocationId: string, peer: TransportAddress): Promise<void> {
    const allocation = this.#open().find(({ id }) => id === allocationId);
    const signal = this.#signal;
    if (allocation === undefined || signal === undefined) throw new Error('the allocation is gone');
    const key = formatAddress(peer);
    const wanted = this.#framings.get(allocationId) ?? new Map<string, RelayFraming | undefined>();
    this.#framings.set(allocationId, wanted.set(key, wanted.get(key)));
    const framing = await allocation.permit(peer, { signal });
    const fault = framingFault(framing, allocationId, this.needs.datagrams()?.bases ?? []);
    if (fault !== undefined) {
      const { plugin } = this.#slots.find((slot) => slot.allocation === allocation) ?? { plugin: '' };
      this.#refusals.get(plugin)?.refuse('a permission', fault);
      throw new Error(`${plugin}: permit: ${fault}`);
    }
    const stillWanted = this.#framings.get(allocationId);
    if (stillWanted?.has(key)) stillWanted.set(key, framing);
    else allocation.release(peer);
  }

  release(allocationId: string, peer: TransportAddress): void {
    this.#framings.get(allocationId)?.delete(formatAddress(peer));
    this.#open()
      .find(({ id }) => id === allocationId)
      ?.release(peer);
  }

  framing(allocationId: string, peer: TransportAddress): RelayFraming | undefined {
    return this.#framings.get(allocationId)?.get(formatAddress(peer));
  }

  #open(): Allocation[] {
    return this.#slots.flatMap(({ allocation }) => (allocation === undefined ? [] : [allocation]));
  }

  async #allocate(slot: Slot): Promise<void> {
    const signal = this.#signal;
    if (signal === undefined || slot.connecting) return;
    slot.connecting = true;
    try {
      const allocation = await this.#askFor(slot, signal);
      if (this.#signal === undefined || !this.#slots.includes(slot)) {
        await allocation.close();
        return;
      }
      slot.allocation = allocation;
      slot.error = undefined;
      slot.attempts = 0;
      slot.lost = allocation.onLost((reason) => this.#lose(slot, reason));
      this.needs.logger.info('relay ready', {
        relay: slot.server.url,
        relayedAddress: formatAddress(allocation.relayedAddress),
      });
      this.needs.onChange();
    } catch (error) {
      if (!signal.aborted && this.#slots.includes(slot)) this.#retryLater(slot, error);
    } finally {
      slot.connecting = false;
    }
  }

  /** @throws what `allocate` throws; where it gives no allocation, or none in time. */
  async #askFor({ plugin, relay, server }: Slot, signal: AbortSignal): Promise<Allocation> {
    const given = Promise.resolve(relay.allocate(server, { datagrams: this.needs.datagrams(), signal }));
    const timing = { clock: this.needs.clock, signal, timeoutMs: ALLOCATE_LIMIT_MS, what: `${plugin}: allocate` };
    const allocation = await within(() => given, timing).catch((error: unknown) => {
      // It may still come, and is nobody's then.
      given.then((late) => late.close()).catch((reason: unknown) => this.#log(reason));
      throw error;
    });
    const taken = new Set(this.#open().map(({ id }) => id));
    const fault = allocationFault(allocation, taken);
    const refusals = this.#refusals.get(plugin);
    const subject = `the allocation on ${oneLine(server.url)}`;
    if (fault === undefined) {
      refusals?.settle(subject);
      return allocation;
    }
    refusals?.refuse(subject, fault);
    await allocation.close().catch((error: unknown) => this.#log(error));
    throw new Error(`${plugin}: allocate: ${fault}`);
  }

  #lose(slot: Slot, reason: Error): void {
    const id = slot.allocation?.id;
    slot.lost?.[Symbol.dispose]();
    slot.allocation = undefined;
    if (id !== undefined) this.#framings.delete(id);
    this.#retryLater(slot, reason);
    this.needs.onChange();
  }

  #retryLater(slot: Slot, error: unknown): void {
    slot.error = reasonOf(error);
    slot.answered = (error as { readonly answered?: unknown } | null)?.answered === true;
    this.needs.logger.debug('stack of the error', { plugin: slot.plugin, stack: stackOf(error) });
    const delayMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** slot.attempts);
    slot.attempts += 1;
    this.needs.logger.warn('relay not usable', {
      plugin: slot.plugin,
      relay: slot.server.url,
      reason: slot.error,
      retryInMs: delayMs,
    });
    slot.retry?.[Symbol.dispose]();
    slot.retry = this.needs.clock.setTimeout(() => {
      slot.retry = undefined;
      void this.#allocate(slot);
    }, delayMs);
  }

  #log(error: unknown): void {
    this.needs.logger.debug('relay', { reason: reasonOf(error) });
  }
}

/** A live figure of the plugin's: what is no figure is not told. */
function rttOf(allocation: Allocation | undefined): number | undefined {
  const rttMs: unknown = allocation?.rttMs;
  return typeof rttMs === 'number' && Number.isFinite(rttMs) ? rttMs : undefined;
}
