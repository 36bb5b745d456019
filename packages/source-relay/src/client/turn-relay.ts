import {
  CodedError,
  Counters,
  reasonOf,
  sameAddress,
  type Allocation,
  type Base,
  type Datagrams,
  type PluginNeeds,
  type Relay,
  type RelayContext,
  type RelayServer,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { formatAddress } from '@wirepath/stun-codec';
import { RELAY_DROP_REASONS } from './drop-reasons.js';
import { relayError } from './relay-error.js';
import { RelayedAllocation } from './relayed-allocation.js';
import { requestAllocation } from './request-allocation.js';
import { TurnSession, type TurnCredential } from './turn-session.js';
import { parseTurnUrl, type TurnUrl } from './turn-url.js';

export interface TurnServerOptions {
  /** `turn:203.0.113.10:3478`. */
  readonly url: string;
  readonly username: string;
  readonly credential?: string | undefined;
  /** Instead of `credential`; read at every allocation, so that it can be changed. */
  readonly credentialFile?: string | undefined;
  /** Family of the relayed address. @default that of the server's address */
  readonly family?: 4 | 6 | undefined;
}

export type TurnRelayNeeds = Pick<PluginNeeds, 'logger' | 'clock' | 'random' | 'files'> & {
  readonly outside: Pick<PluginNeeds['outside'], 'resolve'>;
};

/** One try to find out which of a server's addresses answers first. */
const RACE_SCHEDULE = { rtoMs: 250, maxAttempts: 4, finalWaitFactor: 4 } as const;

/** The addresses of one server, and what is needed to ask them. */
interface Trial {
  readonly reachable: readonly { readonly address: TransportAddress; readonly base: Base }[];
  readonly open: (address: TransportAddress, base: Base) => TurnSession;
  readonly datagrams: Datagrams;
  readonly signal: AbortSignal;
}

interface ConfiguredServer extends RelayServer {
  readonly options: TurnServerOptions;
  readonly target: TurnUrl;
}

/** Relayed candidates: allocations on TURN servers (RFC 8656), made from the transport's own sockets. */
export class TurnRelay implements Relay {
  #servers: readonly RelayServer[] = [];
  #configured: readonly ConfiguredServer[] = [];
  readonly #needs: TurnRelayNeeds;
  /** Those that were asked before: whoever asks again has lost what they gave, or got nothing. */
  readonly #askedBefore = new Set<string>();
  /** 5-tuples in use: a second Allocate on one would meet, and delete, the first's allocation. */
  readonly #tuples = new Set<string>();
  readonly #drops = new Counters(RELAY_DROP_REASONS);
  #count = 0;

  /** @param servers whose transport is not built yet are warned about and left out. */
  constructor(needs: TurnRelayNeeds, options: { readonly servers: readonly TurnServerOptions[] }) {
    this.#needs = needs;
    this.#configure(options.servers);
  }

  get servers(): readonly RelayServer[] {
    return this.#servers;
  }

  /** One whose credential is another is another server. */
  reload(options: unknown): undefined {
    this.#configure((options as { readonly servers: readonly TurnServerOptions[] }).servers);
  }

  #configure(servers: readonly TurnServerOptions[]): void {
    const before = new Map(
      this.#configured.map(({ options }, index) => [JSON.stringify(options), this.#servers[index]]),
    );
    this.#configured = servers.flatMap((server) => {
      const target = parseTurnUrl(server.url);
      if (target === undefined) throw new CodedError('CONFIG', `not a TURN URL: ${JSON.stringify(server.url)}`);
      if (target.transport === 'udp')
        return [{ url: server.url, transport: target.transport, options: server, target }];
      this.#needs.logger.warn('TURN over TCP and TLS is not built yet: this relay is not used', { relay: server.url });
      return [];
    });
    this.#servers = this.#configured.map(
      ({ url, transport, options }) => before.get(JSON.stringify(options)) ?? Object.freeze({ url, transport }),
    );
  }

  counters(): Readonly<Record<string, number>> {
    return this.#drops.snapshot();
  }

  /** @throws CodedError TURN_RELAY with the server's URL and the reason; ABORTED; CONFIG for the credential file. */
  async allocate(server: RelayServer, { datagrams, signal }: RelayContext): Promise<Allocation> {
    const { url } = server;
    const configured = this.#configured.find((one) => one.url === url);
    if (configured === undefined) throw relayError(url, 'not among the configured relays');
    if (datagrams === undefined) throw relayError(url, 'the transport has no socket of its own to share');
    const credential = await this.#credential(configured.options);
    const addresses = await this.#resolve(configured, signal);
    const reachable = addresses.flatMap((address) => {
      const base = sharedBase(datagrams, address.family);
      return base === undefined ? [] : [{ address, base }];
    });
    const open = (address: TransportAddress, base: Base) =>
      new TurnSession({ ...this.#needs, datagrams, base, server: address, credential, drops: this.#drops });
    return this.#firstToGrant(configured, { reachable, open, datagrams, signal });
  }

  /** Of a server's addresses the one that answers first may be the one that refuses: then the others are asked. */
  async #firstToGrant(
    configured: ConfiguredServer,
    { reachable, open, datagrams, signal }: Trial,
  ): Promise<Allocation> {
    let left = reachable;
    let refusal: unknown;
    for (;;) {
      let session: TurnSession;
      try {
        session = await this.#firstToAnswer(configured.url, left, open, signal);
      } catch (error) {
        // A refusal says more than the silence of the others.
        throw signal.aborted ? error : (refusal ?? error);
      }
      const { base, server } = session;
      try {
        return await this.#allocateOn(configured, session, datagrams, signal, (alternate) => open(alternate, base));
      } catch (error) {
        refusal ??= error;
        left = left.filter(({ address }) => !sameAddress(address, server));
        if (left.length === 0 || signal.aborted) throw signal.aborted ? error : refusal;
        const reason = reasonOf(error);
        this.#needs.logger.info('an address of the relay refuses, the others are tried', {
          relay: configured.url,
          reason,
        });
      }
    }
  }

  async #credential({ username, credential, credentialFile }: TurnServerOptions): Promise<TurnCredential> {
    const { files } = this.#needs;
    const secret =
      credentialFile === undefined ? (credential ?? '') : await files.readSecret(files.resolve(credentialFile));
    return { username, secret };
  }

  async #resolve({ url, target }: ConfiguredServer, signal: AbortSignal): Promise<readonly TransportAddress[]> {
    const again = this.#askedBefore.has(url);
    this.#askedBefore.add(url);
    try {
      return await this.#needs.outside.resolve(target, { signal, again });
    } catch (error) {
      if (signal.aborted) throw new CodedError('ABORTED', `${url}: stopped while its name was resolved`);
      throw relayError(url, 'its name could not be resolved', error);
    }
  }

  /** A session with the address that answers first; of one address there is nothing to ask. */
  async #firstToAnswer(
    url: string,
    reachable: readonly { readonly address: TransportAddress; readonly base: Base }[],
    open: (address: TransportAddress, base: Base) => TurnSession,
    signal: AbortSignal,
  ): Promise<TurnSession> {
    const [only] = reachable;
    if (only === undefined) throw relayError(url, 'no socket of the address family that it has');
    const sessions = reachable.map(({ address, base }) => open(address, base));
    const [first] = sessions;
    if (first !== undefined && sessions.length === 1) return first;
    const answered = sessions.map(async (session) => {
      const outcome = await session.bind({ signal, schedule: RACE_SCHEDULE });
      if (outcome.kind !== 'success') throw new Error('no answer');
      return session;
    });
    const winner = await Promise.any(answered).catch(() => undefined);
    for (const session of sessions) if (session !== winner) session.close();
    if (winner !== undefined) return winner;
    if (signal.aborted) throw new CodedError('ABORTED', `${url}: stopped while its addresses were tried`);
    throw relayError(url, 'none of its addresses answers');
  }

  async #allocateOn(
    configured: ConfiguredServer,
    session: TurnSession,
    datagrams: Datagrams,
    signal: AbortSignal,
    openAlternate: ((server: TransportAddress) => TurnSession) | undefined,
  ): Promise<Allocation> {
    const { url, options } = configured;
    const { clock, logger } = this.#needs;
    const tuple = `${session.base.id}>${formatAddress(session.server)}`;
    if (this.#tuples.has(tuple)) {
      session.close();
      throw relayError(url, `there is an allocation on ${formatAddress(session.server)} already`);
    }
    this.#tuples.add(tuple);
    const onEnd = () => void this.#tuples.delete(tuple);
    try {
      const family = options.family ?? session.server.family;
      const granted = await requestAllocation(session, { url, family, clock, signal });
      if (granted.kind === 'granted') {
        const id = `${url}#${++this.#count}`;
        const server = { url, transport: configured.transport };
        return new RelayedAllocation({ id, server, granted, session, datagrams, clock, logger, onEnd });
      }
      // Once only: servers that name each other would keep us going round.
      if (openAlternate === undefined) throw relayError(url, 'one alternate server names yet another');
      session.close();
      onEnd();
      return await this.#allocateOn(configured, openAlternate(granted.server), datagrams, signal, undefined);
    } catch (error) {
      session.close();
      onEnd();
      throw error;
    }
  }
}

function sharedBase(datagrams: Datagrams, family: 4 | 6): Base | undefined {
  return datagrams.bases.find((base) => base.shared && base.family === family);
}
