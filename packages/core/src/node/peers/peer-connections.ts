import type { PublicKey } from '../../base/identity/identity.js';
import type { Listeners } from '../../base/guard/listeners.js';
import type { Clock } from '../../base/time/clock.js';
import type { Service } from '../../contracts/service.js';
import type { Signaling } from '../../contracts/signaling.js';
import { statsOf, type Transport, type TransportPeerStats } from '../../contracts/transport.js';
import { SESSION_MS } from '../../engine/timings.js';
import type { NatTraversal } from '../../shell/nat-traversal.js';
import { UnansweredPeers } from './unanswered-peers.js';
import { PlainPeers } from './plain-peers.js';
import { connectionToPeer } from '../documents/status-document.js';
import type { Connection } from '../documents/documents.js';

export interface PeerConnectionsNeeds {
  readonly traversal: NatTraversal;
  readonly transport: Transport;
  readonly signalings: readonly Signaling[];
  readonly clock: Clock;
  /** Told of a peer whose connection changed, or of the node. */
  readonly changes: Listeners<PublicKey | undefined>;
  /** Nothing comes back from a plain peer. */
  resolveAgain(publicKey: PublicKey): void;
}

/** Watches what becomes of each peer's connection, for as long as the node runs, and since when it is what it is. */
export class PeerConnections implements Service {
  readonly #needs: PeerConnectionsNeeds;
  readonly #seen = new Map<PublicKey, { connection: Connection; sinceMs: number }>();
  readonly #plain: PlainPeers;
  readonly #unanswered = new UnansweredPeers();
  #watches: Disposable[] = [];

  constructor(needs: PeerConnectionsNeeds) {
    this.#needs = needs;
    this.#plain = new PlainPeers(needs.clock, (publicKey) => this.#lookAtPlain(publicKey));
  }

  async start(): Promise<void> {
    const { traversal, transport, signalings, changes } = this.#needs;
    this.#watches = [
      traversal.onChange((publicKey) => {
        if (traversal.view(publicKey) !== undefined) this.#look(publicKey);
      }),
      transport.onHandshake(({ publicKey }) => this.#plain.handshake(publicKey, SESSION_MS)),
      ...signalings.map((signaling) => signaling.onStateChange(() => changes.tell(undefined))),
    ];
    this.#plain.start();
  }

  async stop(): Promise<void> {
    this.#plain.stop();
    for (const watch of this.#watches.splice(0)) watch[Symbol.dispose]();
  }

  /** The peer was added, or changed. */
  set(publicKey: PublicKey): void {
    if (this.#needs.traversal.view(publicKey) === undefined) return this.#plain.add(publicKey);
    this.#plain.remove(publicKey);
    this.#look(publicKey);
  }

  remove(publicKey: PublicKey): void {
    this.#plain.remove(publicKey);
    this.#unanswered.forget(publicKey);
    if (this.#seen.delete(publicKey)) this.#needs.changes.tell(publicKey);
  }

  /** @returns unix ms. */
  since(publicKey: PublicKey, connection: Connection): number {
    const seen = this.#seen.get(publicKey);
    return seen?.connection === connection ? seen.sinceMs : this.#needs.clock.unixMs();
  }

  /** The rc file was read again: what nothing came back from is looked up at once. */
  hurry(): void {
    this.#unanswered.hurry(this.#needs.clock.now());
  }

  #lookAtPlain(publicKey: PublicKey): void {
    this.#look(publicKey, statsOf(this.#needs.transport, publicKey));
    const isAnswering = this.#seen.get(publicKey)?.connection !== 'connecting';
    if (this.#unanswered.isDue(publicKey, isAnswering, this.#needs.clock.now())) this.#needs.resolveAgain(publicKey);
  }

  /** Notes and tells a change of the peer's connection. */
  #look(publicKey: PublicKey, stats?: TransportPeerStats): void {
    const { traversal, clock, changes } = this.#needs;
    if (traversal.peer(publicKey) === undefined) return;
    const nowMs = clock.unixMs();
    const connection = connectionToPeer(traversal.view(publicKey), stats, nowMs);
    if (this.#seen.get(publicKey)?.connection === connection) return;
    this.#seen.set(publicKey, { connection, sinceMs: nowMs });
    changes.tell(publicKey);
  }
}
