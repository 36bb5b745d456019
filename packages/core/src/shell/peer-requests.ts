import type { PublicKey } from '../base/identity/identity.js';
import type { Clock } from '../base/time/clock.js';
import { CodedError } from '../base/errors/coded-error.js';
import type { Listeners } from '../base/guard/listeners.js';
import type { TraversalSettings } from './traversal-settings.js';
import { CONNECTION_TYPES, tierOf, type ConnectionType } from '../engine/connection-type.js';
import type { EnginePath } from '../engine/engine-path.js';
import type { PairEvidence } from '../engine/pair-evidence.js';
import type { PeerView } from '../engine/peer/peer-view.js';
import { until } from './timing/until.js';
import type { DriverEvent } from './driver/events.js';

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
  view(publicKey: PublicKey): PeerView | undefined;
  nameOf(publicKey: PublicKey): string | undefined;
  handle(event: DriverEvent): void;
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
    this.#require(publicKey);
    const { holePunchTimeoutMs } = this.#needs.settings;
    if (this.#connection(publicKey) === undefined) {
      this.#needs.handle({ type: 'attempt', peer: publicKey, budgetMs: holePunchTimeoutMs });
    }
    const connection = await this.#until(publicKey, holePunchTimeoutMs, () => this.#connection(publicKey), signal);
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
    this.#require(publicKey);
    const before = this.#connection(publicKey);
    if (before === CONNECTION_TYPES[0]) return undefined;
    const { upgradeTimeoutMs } = this.#needs.settings;
    this.#needs.handle({ type: 'attempt', peer: publicKey, budgetMs: upgradeTimeoutMs });
    const better = () => {
      const now = this.#connection(publicKey);
      return now !== undefined && (before === undefined || tierOf(now) < tierOf(before)) ? now : undefined;
    };
    return this.#until(publicKey, upgradeTimeoutMs, better, signal);
  }

  /** As {@link NatTraversal.ping}. */
  async ping(publicKey: PublicKey, { timeoutMs, signal }: Waiting & { timeoutMs: number }): Promise<Pong | undefined> {
    this.#require(publicKey);
    let pong: Pong | undefined;
    using _pongs = this.#needs.pongs.add(({ peer, path, rttMs }) => {
      const connection = this.#needs.view(publicKey)?.pairInUse?.connection;
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
    const before = this.#require(publicKey).peerEvidence;
    this.#needs.handle({ type: 'ask-for-evidence', peer: publicKey });
    const told = () => {
      const evidence = this.#needs.view(publicKey)?.peerEvidence;
      return evidence === before ? undefined : evidence;
    };
    return this.#until(publicKey, timeoutMs, told, signal);
  }

  #require(publicKey: PublicKey): PeerView {
    const view = this.#needs.view(publicKey);
    if (view === undefined) throw new CodedError('PEER_NOT_FOUND', undefined, { subject: publicKey });
    return view;
  }

  /** The connection type of a path that carries a session. */
  #connection(publicKey: PublicKey): ConnectionType | undefined {
    const connection = this.#needs.view(publicKey)?.connection;
    return CONNECTION_TYPES.find((type) => type === connection);
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
