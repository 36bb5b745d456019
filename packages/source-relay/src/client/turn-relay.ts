import {
  CodedError,
  Counters,
  reasonOf,
  type Allocation,
  type Datagrams,
  type PluginNeeds,
  type Relay,
  type RelayContext,
  type RelayServer,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { formatAddress } from '@wirepath/stun-codec';
import { readFile } from 'node:fs/promises';
import { configuredServers, type ConfiguredServer, type TurnServerOptions } from './configured-servers.js';
import type { RelayConnection } from './connection/connection.js';
import type { Dial } from './connection/dial.js';
import { StreamDial } from './connection/stream-dial.js';
import { UdpDial } from './connection/udp-dial.js';
import { RELAY_DROP_REASONS } from './drop-reasons.js';
import { relayError, requestFailed } from './relay-error.js';
import { RelayedAllocation } from './relayed-allocation.js';
import { requestAllocation } from './request-allocation.js';
import { readCredential } from './turn-credential.js';
import { REQUEST_SCHEDULE, TurnSession } from './turn-session.js';

export type TurnRelayNeeds = Pick<PluginNeeds, 'logger' | 'clock' | 'guard' | 'random' | 'files'> & {
  readonly outside: Pick<PluginNeeds['outside'], 'resolve' | 'connect'>;
};

export interface TurnRelayOptions {
  readonly servers: readonly TurnServerOptions[];
}

/** How long what a probe has opened waits for an `allocate`. */
const PROBED_MS = 5000;

type ReadyContext = RelayContext & { readonly datagrams: Datagrams };

interface Probed {
  readonly dial: Dial;
  /** Challenged already. */
  readonly session: TurnSession;
  readonly timer: Disposable;
}

/** Relayed candidates: allocations on TURN servers (RFC 8656), over the transport's own sockets, TCP or TLS. */
export class TurnRelay implements Relay {
  #configured: readonly ConfiguredServer[] = [];
  readonly #needs: TurnRelayNeeds;
  /** Those that were asked before: whoever asks again has lost what they gave, or got nothing. */
  readonly #askedBefore = new Set<string>();
  /** 5-tuples in use: a second Allocate on one would meet, and delete, the first's allocation. */
  readonly #tuples = new Set<string>();
  /** Of the newest allocation. */
  readonly #allocated = new Map<ConfiguredServer, TurnSession>();
  readonly #probed = new Map<ConfiguredServer, Probed>();
  readonly #drops = new Counters(RELAY_DROP_REASONS);
  #count = 0;

  constructor(needs: TurnRelayNeeds, options: TurnRelayOptions) {
    this.#needs = needs;
    this.#configure(options);
  }

  get servers(): readonly RelayServer[] {
    return this.#configured.map(({ shown }) => shown);
  }

  /** One whose options are others is another server. */
  reload(options: unknown): undefined {
    this.#configure(options as TurnRelayOptions);
  }

  #configure({ servers }: TurnRelayOptions): void {
    this.#configured = configuredServers(servers, this.#configured);
  }

  counters(): Readonly<Record<string, number>> {
    return this.#drops.snapshot();
  }

  /** @throws CodedError TURN_RELAY with the server's URL and the reason; ABORTED; CONFIG for a file. */
  async allocate(server: RelayServer, given: RelayContext): Promise<Allocation> {
    const context = withDatagrams(server, given);
    const configured = this.#configuredOf(server);
    const probed = this.#takeProbed(configured);
    const dial = probed?.dial ?? (await this.#dial(configured, context, { again: this.#askedBefore.has(server.url) }));
    return this.#firstToGrant(configured, dial, context, probed?.session);
  }

  /**
   * Round trip, ms: over the session of an allocation where there is one, else over a new one that the next `allocate` goes on with.
   * @throws as {@link allocate}.
   */
  async probe(server: RelayServer, given: RelayContext): Promise<number> {
    const context = withDatagrams(server, given);
    const { clock } = this.#needs;
    const { signal } = context;
    const configured = this.#configuredOf(server);
    const allocated = this.#allocated.get(configured);
    if (allocated !== undefined) {
      const outcome = await allocated.bind({ signal, schedule: REQUEST_SCHEDULE });
      if (outcome.kind !== 'success') throw requestFailed(server.url, 'Binding', outcome);
      return allocated.rttMs ?? 0;
    }
    // The server that it leads to may be silent, and its name stand for another by now.
    this.#takeProbed(configured)?.session.close();
    const dial = await this.#dial(configured, context, { again: true });
    const session = await dial.first(signal);
    const startedAtMs = clock.now();
    try {
      const outcome = await session.challenge({ signal });
      if (outcome.kind !== 'success') throw requestFailed(server.url, 'Allocate', outcome);
    } catch (error) {
      session.close();
      throw error;
    }
    const timer = clock.setTimeout(() => this.#takeProbed(configured)?.session.close(), PROBED_MS);
    // Another probe of it was under way.
    this.#takeProbed(configured)?.session.close();
    this.#probed.set(configured, { dial, session, timer });
    return session.rttMs ?? clock.now() - startedAtMs;
  }

  #configuredOf({ url }: RelayServer): ConfiguredServer {
    const configured = this.#configured.find(({ shown }) => shown.url === url);
    if (configured === undefined) throw relayError(url, 'not among the configured relays');
    return configured;
  }

  #takeProbed(configured: ConfiguredServer): Probed | undefined {
    const probed = this.#probed.get(configured);
    if (probed === undefined) return undefined;
    this.#probed.delete(configured);
    probed.timer[Symbol.dispose]();
    return probed.session.isLost ? undefined : probed;
  }

  async #dial(
    { shown: { url }, options, target }: ConfiguredServer,
    { datagrams, signal }: ReadyContext,
    { again }: { readonly again: boolean },
  ): Promise<Dial> {
    const { files, outside } = this.#needs;
    const credential = await readCredential(options, this.#needs);
    const open = (connection: RelayConnection) =>
      new TurnSession({ ...this.#needs, connection, credential, drops: this.#drops });
    if (target.transport !== 'udp') {
      const { caFile, proxy } = options;
      const ca = caFile === undefined ? undefined : await readFile(files.resolve(caFile), 'utf8');
      const tls = target.transport === 'tls' ? { ca } : undefined;
      return new StreamDial({ ...this.#needs, url, target, tls, proxy, drops: this.#drops, open });
    }
    this.#askedBefore.add(url);
    try {
      return new UdpDial({ url, addresses: await outside.resolve(target, { signal, again }), datagrams, open });
    } catch (error) {
      if (signal.aborted) throw new CodedError('ABORTED', `${url}: stopped while its name was resolved`);
      throw relayError(url, 'its name could not be resolved', error);
    }
  }

  /** Of a server's addresses the one that answers first may be the one that refuses: then the others are asked. */
  async #firstToGrant(
    configured: ConfiguredServer,
    dial: Dial,
    context: ReadyContext,
    probed: TurnSession | undefined,
  ): Promise<Allocation> {
    const { signal } = context;
    const { url } = configured.shown;
    let next = probed;
    let refusal: unknown;
    for (;;) {
      let session: TurnSession;
      try {
        session = next ?? (await dial.first(signal));
        next = undefined;
      } catch (error) {
        // A refusal says more than the silence of the others.
        throw signal.aborted ? error : (refusal ?? error);
      }
      const { server } = session;
      try {
        const alternate = (to: TransportAddress) => dial.alternate(to, signal);
        return await this.#allocateOn(configured, session, context, alternate);
      } catch (error) {
        refusal ??= error;
        if (!dial.leaveOut(server) || signal.aborted) throw signal.aborted ? error : refusal;
        const reason = reasonOf(error);
        this.#needs.logger.info('an address of the relay refuses, the others are tried', { relay: url, reason });
      }
    }
  }

  async #allocateOn(
    configured: ConfiguredServer,
    session: TurnSession,
    { datagrams, signal }: ReadyContext,
    openAlternate: ((server: TransportAddress) => Promise<TurnSession>) | undefined,
  ): Promise<Allocation> {
    const { shown, options } = configured;
    const { url } = shown;
    const { clock, logger } = this.#needs;
    const { tuple } = session;
    if (this.#tuples.has(tuple)) {
      session.close();
      throw relayError(url, `there is an allocation on ${formatAddress(session.server)} already`);
    }
    this.#tuples.add(tuple);
    const onEnd = () => {
      this.#tuples.delete(tuple);
      if (this.#allocated.get(configured) === session) this.#allocated.delete(configured);
    };
    try {
      const family = options.family ?? session.server.family;
      const granted = await requestAllocation(session, { url, family, clock, signal });
      if (granted.kind === 'granted') {
        const id = `${url}#${++this.#count}`;
        this.#allocated.set(configured, session);
        return new RelayedAllocation({ id, server: shown, granted, session, datagrams, clock, logger, onEnd });
      }
      // Once only: servers that name each other would keep us going round.
      if (openAlternate === undefined) throw relayError(url, 'one alternate server names yet another');
      session.close();
      onEnd();
      return await this.#allocateOn(configured, await openAlternate(granted.server), { datagrams, signal }, undefined);
    } catch (error) {
      session.close();
      onEnd();
      throw error;
    }
  }
}

function withDatagrams({ url }: RelayServer, { datagrams, signal }: RelayContext): ReadyContext {
  if (datagrams === undefined) throw relayError(url, 'the transport has no socket of its own to share');
  return { datagrams, signal };
}
