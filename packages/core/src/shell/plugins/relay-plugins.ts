import { formatAddress } from '@wirepath/stun-codec';
import type { Clock } from '../../base/time/clock.js';
import type { Logger } from '../../base/logging/logger.js';
import type { Datagrams } from '../../contracts/datagrams.js';
import type { RelayFraming } from '../../contracts/path.js';
import type { Allocation, Relay, RelayServer } from '../../contracts/relay.js';
import type { EnginePath } from '../../engine/engine-path.js';
import { reasonOf } from '../../base/errors/reason-of.js';
import { stackOf } from '../../base/errors/stack-of.js';
import { oneLine, Refusals } from '../../base/guard/refusals.js';
import { within } from '../../base/time/deadline.js';
import type { RelayEffect } from '../driver/effects.js';
import type { DriverEvent } from '../driver/events.js';
import type { RelayFailure, RelayServerOf } from '../driver/relays.js';
import { allocationFault, framingFault, roundTripFault, serverFault } from './check-allocation.js';

export interface NamedRelay {
  readonly plugin: string;
  readonly instance: Relay;
}

export interface RelayPluginsNeeds {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly datagrams: () => Datagrams | undefined;
  readonly onEvent: (event: DriverEvent) => void;
}

interface Standing {
  readonly plugin: string;
  readonly allocation: Allocation;
  readonly lost: Disposable;
}

/** A server's addresses, one after the other, each with retransmissions. */
const ALLOCATE_LIMIT_MS = 60_000;
/** A server that takes longer is of no use, and the next probe is due. */
const PROBE_LIMIT_MS = 5000;

/** Relays as the driver sees them: asks plugins for allocations and permissions, and takes nothing that is none. */
export class RelayPlugins {
  readonly #refusals: ReadonlyMap<string, Refusals>;
  readonly #relays: readonly NamedRelay[];
  readonly #needs: RelayPluginsNeeds;
  /** By allocation. */
  readonly #standing = new Map<string, Standing>();
  readonly #attempts = new Set<Promise<void>>();
  readonly #closings = new Set<Promise<void>>();
  #relayOf = new Map<RelayServer, Relay>();
  #signal: AbortSignal | undefined;

  constructor(relays: readonly NamedRelay[], needs: RelayPluginsNeeds) {
    this.#relays = relays;
    this.#needs = needs;
    const { clock, logger } = needs;
    this.#refusals = new Map(
      relays.map(({ plugin }) => {
        const cure = `update or remove ${plugin}, or tell its author`;
        return [plugin, new Refusals({ plugin, what: 'allocation', cure, clock, logger })];
      }),
    );
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    this.tellServers();
  }

  /** Servers were added or taken away. */
  tellServers(): void {
    if (this.#signal === undefined) return;
    const usable = (plugin: string) => (server: RelayServer) => {
      const fault = serverFault(server);
      if (fault !== undefined) this.#refusals.get(plugin)?.refuse('a relay server', fault);
      return fault === undefined;
    };
    const servers = this.#relays.flatMap(({ plugin, instance }) =>
      instance.servers
        .filter(usable(plugin))
        .map((server) => ({ on: { plugin, server, canProbe: instance.probe !== undefined }, instance })),
    );
    this.#relayOf = new Map(servers.map(({ on, instance }) => [on.server, instance]));
    this.#needs.onEvent({ type: 'relay-servers', servers: servers.map(({ on }) => on) });
  }

  /** Every allocation is closed when it resolves. */
  async stop(): Promise<void> {
    this.#signal = undefined;
    this.#needs.onEvent({ type: 'relay-servers', servers: [] });
    await Promise.all(this.#closings);
  }

  /** Resolves when every server that is being asked has answered or failed, or after `timeoutMs`. */
  async settled(timeoutMs: number): Promise<void> {
    let timer: Disposable | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = this.#needs.clock.setTimeout(resolve, timeoutMs);
    });
    await Promise.race([Promise.all(this.#attempts), timeout]);
    timer?.[Symbol.dispose]();
  }

  perform(effect: RelayEffect): void {
    switch (effect.type) {
      case 'allocate':
        return track(this.#attempts, this.#allocate(effect.on));
      case 'probe-relay':
        return track(this.#attempts, this.#probe(effect.on));
      case 'close-allocation':
        return track(this.#closings, this.#close(effect.allocationId));
      case 'renew-allocations':
        if (this.#signal !== undefined) void this.renew(this.#signal);
        break;
      case 'permit':
        void this.#permit(effect.path).then((granted) =>
          this.#needs.onEvent({ type: 'permission', peer: effect.peer, path: effect.path, granted }),
        );
        break;
      case 'release':
        this.#standing.get(effect.path.baseId)?.allocation.release(effect.path.remote);
        break;
      case 'relay-down': {
        const { on, reason, retryInMs } = effect;
        this.#needs.logger.warn('relay not usable', { plugin: on.plugin, relay: on.server.url, reason, retryInMs });
      }
    }
  }

  /** Renews every allocation; one that is lost is told. */
  async renew(signal: AbortSignal): Promise<void> {
    const timing = {
      clock: this.#needs.clock,
      signal,
      timeoutMs: ALLOCATE_LIMIT_MS,
      what: 'refresh of an allocation',
    };
    await Promise.all(
      [...this.#standing.values()].map(({ allocation }) =>
        within(() => allocation.refresh({ signal }), timing).catch((error: unknown) => this.#log(error)),
      ),
    );
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

  async #allocate(on: RelayServerOf): Promise<void> {
    const { logger, onEvent, clock } = this.#needs;
    const signal = this.#signal;
    if (signal === undefined) return;
    try {
      const allocation = await this.#askFor(on, signal);
      const lost = allocation.onLost((reason) => this.#lose(on, allocation.id, reason));
      this.#standing.set(allocation.id, { plugin: on.plugin, allocation, lost });
      const relayedAddress = formatAddress(allocation.relayedAddress);
      logger.info('relay ready', { relay: on.server.url, relayedAddress });
      onEvent({ type: 'allocated', on, allocation, atMs: clock.unixMs() });
    } catch (error) {
      if (!signal.aborted) onEvent({ type: 'allocation-failed', on, failure: this.#failure(on, error) });
    }
  }

  async #probe(on: RelayServerOf): Promise<void> {
    const { clock, datagrams, onEvent } = this.#needs;
    const { plugin, server } = on;
    const run = this.#signal;
    if (run === undefined) return;
    const ended = new AbortController();
    const signal = AbortSignal.any([run, ended.signal]);
    const timing = { clock, signal: run, timeoutMs: PROBE_LIMIT_MS, what: `${plugin}: probe` };
    try {
      const relay = this.#relayOf.get(server);
      const rttMs = await within(() => relay?.probe?.(server, { datagrams: datagrams(), signal }), timing);
      if (rttMs === undefined) throw new Error('the server is gone');
      const fault = roundTripFault(rttMs);
      const subject = `the round trip to ${oneLine(server.url)}`;
      if (fault === undefined) this.#refusals.get(plugin)?.settle(subject);
      else this.#refusals.get(plugin)?.refuse(subject, fault);
      if (fault !== undefined) throw new Error(`${plugin}: probe: ${fault}`);
      onEvent({ type: 'relay-probed', on, rttMs });
    } catch (error) {
      if (!run.aborted) onEvent({ type: 'relay-probe-failed', on, failure: this.#failure(on, error) });
    } finally {
      // One that is not done yet lets go of what it opened.
      ended.abort();
    }
  }

  /** @throws what `allocate` throws; where it gives no allocation, or none in time. */
  async #askFor({ plugin, server }: RelayServerOf, signal: AbortSignal): Promise<Allocation> {
    const { clock, datagrams } = this.#needs;
    const relay = this.#relayOf.get(server);
    const given = Promise.resolve(relay?.allocate(server, { datagrams: datagrams(), signal }));
    const timing = { clock, signal, timeoutMs: ALLOCATE_LIMIT_MS, what: `${plugin}: allocate` };
    const allocation = await within(() => given, timing).catch((error: unknown) => {
      // It may still come, and is nobody's then.
      given.then((late) => late?.close()).catch((reason: unknown) => this.#log(reason));
      throw error;
    });
    if (allocation === undefined) throw new Error('the server is gone');
    const fault = allocationFault(allocation, new Set(this.#standing.keys()));
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

  #lose(on: RelayServerOf, allocationId: string, reason: Error): void {
    this.#forget(allocationId);
    this.#needs.onEvent({ type: 'allocation-lost', allocationId, failure: this.#failure(on, reason) });
  }

  async #close(allocationId: string): Promise<void> {
    await this.#forget(allocationId)
      ?.allocation.close()
      .catch((error: unknown) => this.#log(error));
  }

  #forget(allocationId: string): Standing | undefined {
    const standing = this.#standing.get(allocationId);
    standing?.lost[Symbol.dispose]();
    this.#standing.delete(allocationId);
    return standing;
  }

  async #permit({ baseId, remote }: EnginePath): Promise<RelayFraming | { readonly error: string }> {
    const standing = this.#standing.get(baseId);
    const signal = this.#signal;
    if (standing === undefined || signal === undefined) return { error: 'the allocation is gone' };
    const { plugin, allocation } = standing;
    try {
      const framing = await allocation.permit(remote, { signal });
      const fault = framingFault(framing, baseId, this.#needs.datagrams()?.bases ?? []);
      if (fault === undefined) return framing;
      this.#refusals.get(plugin)?.refuse('a permission', fault);
      return { error: `${plugin}: permit: ${fault}` };
    } catch (error) {
      return { error: reasonOf(error) };
    }
  }

  #failure({ plugin }: RelayServerOf, error: unknown): RelayFailure {
    this.#needs.logger.debug('stack of the error', { plugin, stack: stackOf(error) });
    const answered = (error as { readonly answered?: unknown } | null)?.answered === true;
    return { reason: reasonOf(error), answered };
  }

  #log(error: unknown): void {
    this.#needs.logger.debug('relay', { reason: reasonOf(error) });
  }
}

function track(underWay: Set<Promise<void>>, work: Promise<void>): void {
  const tracked = work.finally(() => underWay.delete(tracked));
  underWay.add(tracked);
}
