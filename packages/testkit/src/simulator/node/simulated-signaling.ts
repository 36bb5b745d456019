import type { CallMessage, Clock, PublicKey } from '@wirepath/core';
import type { SeededRandom } from '../../random.js';

interface Client {
  receive(from: PublicKey, message: CallMessage): void;
  stateChanged(up: boolean): void;
}

/** Signalling between simulated nodes: unsealed, late, perhaps lossy, and it can go down. */
export class SimulatedSignaling {
  readonly #clients = new Map<PublicKey, Client>();
  #up = true;
  latencyMs = 20;
  loss = 0;
  /** Messages sent since the start. */
  sent = 0;

  constructor(
    readonly clock: Clock,
    readonly random: SeededRandom,
  ) {}

  join(publicKey: PublicKey, client: Client): void {
    this.#clients.set(publicKey, client);
    // A connection takes a round trip to come up.
    this.clock.setTimeout(() => {
      if (this.#up && this.#clients.get(publicKey) === client) client.stateChanged(true);
    }, 2 * this.latencyMs);
  }

  leave(publicKey: PublicKey): void {
    this.#clients.delete(publicKey);
  }

  get up(): boolean {
    return this.#up;
  }

  set up(up: boolean) {
    this.#up = up;
    for (const client of this.#clients.values()) client.stateChanged(up);
  }

  send(from: PublicKey, to: PublicKey, message: CallMessage): void {
    this.sent += 1;
    if (!this.#up || this.random.chance(this.loss)) return;
    this.clock.setTimeout(() => {
      if (this.#up) this.#clients.get(to)?.receive(from, message);
    }, this.latencyMs);
  }
}
