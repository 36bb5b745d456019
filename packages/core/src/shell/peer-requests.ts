import type { PublicKey } from '../base/identity/identity.js';
import type { Clock } from '../base/time/clock.js';
import { CodedError } from '../base/errors/coded-error.js';
import type { Listeners } from '../base/guard/listeners.js';
import type { TraversalSettings } from './traversal-settings.js';
import { CONNECTION_TYPES, tierOf, type ConnectionType } from '../engine/connection-type.js';
import type { EngineEvent } from '../engine/events.js';
import type { EnginePath } from '../engine/engine-path.js';
import type { PairEvidence } from '../engine/pair-evidence.js';
import type { PeerAgent } from '../engine/peer/peer-agent.js';
import { until } from './adapters/until.js';

export interface Pong {
  readonly rttMs: number;
  readonly connection: ConnectionType;
  readonly path: EnginePath;
}

/** A `pong` effect of the engine. */
export interface PongOfPeer {
  readonly peer: PublicKey;
  readonly path: EnginePath;
  readonly rttMs: number;
}

export interface PeerRequestsNeeds {
  readonly clock: Clock;
  readonly settings: TraversalSettings;
  readonly pongs: Listeners<PongOfPeer>;
  /** Told of a peer of which something may have changed; a request looks again then. */
  readonly changes: Listeners<PublicKey>;
  agent(publicKey: PublicKey): PeerAgent | undefined;
  nameOf(publicKey: PublicKey): string | undefined;
  handle(event: EngineEvent): void;
}

type Waiting = { readonly signal?: AbortSignal | undefined };

/** What somebody asks of one peer and waits for: a path, a better one, an answer, what it has seen. */
export class PeerRequests {
  readonly #needs: PeerRequestsNeeds;

  constructor(needs: PeerRequestsNeeds) {
    this.#needs = needs;
  }

  /** As {@link NatTraversal.connectToPeer}. */
  async connect(publicKey: PublicKey, { signal }: Waiting): Promise<ConnectionType> {
    const agent = this.#requireAgent(publicKey);
    const { holePunchTimeoutMs } = this.#needs.settings;
    if (connectedBy(agent) === undefined) {
      this.#needs.handle({ type: 'attempt', peer: publicKey, budgetMs: holePunchTimeoutMs });
    }
    const connection = await this.#until(publicKey, holePunchTimeoutMs, () => connectedBy(agent), signal);
    if (connection === undefined) {
      const name = this.#needs.nameOf(publicKey) ?? publicKey;
      throw new CodedError('NAT_TRAVERSAL_FAILED', `no path to ${name} in ${holePunchTimeoutMs / 1000} s`, {
        subject: name,
      });
    }
    return connection;
  }

  /** As {@link NatTraversal.attemptUpgrade}. */
  async upgrade(publicKey: PublicKey, { signal }: Waiting): Promise<ConnectionType | undefined> {
    const agent = this.#requireAgent(publicKey);
    const before = connectedBy(agent);
    if (before === CONNECTION_TYPES[0]) return undefined;
    const { upgradeTimeoutMs } = this.#needs.settings;
    this.#needs.handle({ type: 'attempt', peer: publicKey, budgetMs: upgradeTimeoutMs });
    const better = () => {
      const now = connectedBy(agent);
      return now !== undefined && (before === undefined || tierOf(now) < tierOf(before)) ? now : undefined;
    };
    return this.#until(publicKey, upgradeTimeoutMs, better, signal);
  }

  /** As {@link NatTraversal.ping}. */
  async ping(publicKey: PublicKey, { timeoutMs, signal }: Waiting & { timeoutMs: number }): Promise<Pong | undefined> {
    const agent = this.#requireAgent(publicKey);
    let pong: Pong | undefined;
    using _pongs = this.#needs.pongs.add(({ peer, path, rttMs }) => {
      const connection = agent.active?.pair.connection;
      if (peer !== publicKey || connection === undefined) return;
      pong = { rttMs, connection, path };
      this.#needs.changes.tell(peer);
    });
    this.#needs.handle({ type: 'ping', peer: publicKey });
    return await this.#until(publicKey, timeoutMs, () => pong, signal);
  }

  /** As {@link NatTraversal.peerEvidence}. */
  async evidence(
    publicKey: PublicKey,
    { timeoutMs, signal }: Waiting & { timeoutMs: number },
  ): Promise<readonly PairEvidence[] | undefined> {
    const agent = this.#requireAgent(publicKey);
    const before = agent.peerEvidence;
    this.#needs.handle({ type: 'ask-for-evidence', peer: publicKey });
    const told = () => (agent.peerEvidence === before ? undefined : agent.peerEvidence);
    return this.#until(publicKey, timeoutMs, told, signal);
  }

  #requireAgent(publicKey: PublicKey): PeerAgent {
    const agent = this.#needs.agent(publicKey);
    if (agent === undefined) throw new CodedError('PEER_NOT_FOUND', undefined, { subject: publicKey });
    return agent;
  }

  #until<T>(
    publicKey: PublicKey,
    timeoutMs: number,
    look: () => T | undefined,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    const onChange = (listener: () => void) =>
      this.#needs.changes.add((peer) => {
        if (peer === publicKey) listener();
      });
    return until(look, { clock: this.#needs.clock, timeoutMs, signal, onChange });
  }
}

/** The connection type of a path that carries a session. */
function connectedBy({ connection }: PeerAgent): ConnectionType | undefined {
  return CONNECTION_TYPES.find((type) => type === connection);
}
