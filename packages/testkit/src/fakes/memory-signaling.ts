import type { Clock, PublicKey, Signaling, SignalingState } from '@wirepath/core';
import { Listeners } from '@wirepath/core/plugin';
import { SeededRandom } from '../random.js';

export interface MemorySignalingOptions {
  readonly clock: Clock;
  /** From publish to delivery, ms. @default 0, which is still later than `publish` returns */
  readonly latencyMs?: number;
  /** Probability that a message is lost. @default 0 */
  readonly loss?: number;
  /** Of the losses. @default 1 */
  readonly seed?: number;
}

/** Messages larger than this are dropped, as every server does. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** Signalling between any number of nodes in one process. It can be cut, partitioned and lossy. */
export class MemorySignalingHub {
  readonly #clients = new Map<PublicKey, Set<MemorySignaling>>();
  readonly #random: SeededRandom;
  readonly #separated = new Set<string>();
  #up = true;
  /** Changes from now on. */
  latencyMs: number;
  loss: number;

  constructor(readonly options: MemorySignalingOptions) {
    this.#random = new SeededRandom(options.seed ?? 1);
    this.latencyMs = options.latencyMs ?? 0;
    this.loss = options.loss ?? 0;
  }

  /** A client of that key, not started. */
  client(publicKey: PublicKey): Signaling {
    return new MemorySignaling(publicKey, this.options.clock, this.#server);
  }

  /** The hub is there, or is not: every client notices. */
  set up(up: boolean) {
    this.#up = up;
    for (const clients of this.#clients.values()) for (const client of clients) client.serverIs(up);
  }

  get up(): boolean {
    return this.#up;
  }

  /** From now on nothing passes between the two. */
  separate(a: PublicKey, b: PublicKey): void {
    this.#separated.add(pairOf(a, b));
  }

  reunite(a: PublicKey, b: PublicKey): void {
    this.#separated.delete(pairOf(a, b));
  }

  readonly #server: Server = {
    join: (client) => {
      const clients = this.#clients.get(client.publicKey) ?? new Set();
      this.#clients.set(client.publicKey, clients.add(client));
      client.serverIs(this.#up);
    },
    leave: (client) => void this.#clients.get(client.publicKey)?.delete(client),
    deliver: (from, to, sealed) => {
      const bytes = sealed.slice();
      if (bytes.length > MAX_MESSAGE_BYTES || this.#random.chance(this.loss)) return;
      this.options.clock.setTimeout(() => {
        if (!this.#up || this.#separated.has(pairOf(from.publicKey, to))) return;
        const clients = this.#clients.get(to) ?? new Set();
        if (clients.size === 0) from.undeliverable(to);
        for (const client of clients) client.receive(from.publicKey, bytes.slice());
      }, this.latencyMs);
    },
  };
}

interface Server {
  join(client: MemorySignaling): void;
  leave(client: MemorySignaling): void;
  deliver(from: MemorySignaling, to: PublicKey, sealed: Uint8Array): void;
}

class MemorySignaling implements Signaling {
  readonly #messages = new Listeners<{ from: PublicKey; sealed: Uint8Array }>();
  readonly #states = new Listeners<readonly SignalingState[]>();
  readonly #undeliverable = new Listeners<{ to: PublicKey }>();
  #life: 'new' | 'running' | 'stopped' = 'new';
  #state: SignalingState;

  constructor(
    readonly publicKey: PublicKey,
    readonly clock: Clock,
    readonly server: Server,
  ) {
    this.#state = { url: 'memory:hub', state: 'down', sinceMs: clock.unixMs() };
  }

  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    if (this.#life !== 'new' || signal.aborted) return;
    this.#life = 'running';
    this.server.join(this);
  }

  async stop(): Promise<void> {
    this.#life = 'stopped';
    this.server.leave(this);
    this.#become('down');
  }

  publish(to: PublicKey, sealed: Uint8Array): void {
    if (this.#state.state === 'up') this.server.deliver(this, to, sealed);
  }

  receive(from: PublicKey, sealed: Uint8Array): void {
    this.#messages.tell({ from, sealed });
  }

  undeliverable(to: PublicKey): void {
    if (this.#life === 'running') this.#undeliverable.tell({ to });
  }

  serverIs(up: boolean): void {
    this.#become(up ? 'up' : 'down');
  }

  states(): readonly SignalingState[] {
    return [this.#state];
  }

  onMessage(listener: (message: { from: PublicKey; sealed: Uint8Array }) => void): Disposable {
    return this.#messages.add(listener);
  }

  onStateChange(listener: (states: readonly SignalingState[]) => void): Disposable {
    return this.#states.add(listener);
  }

  onUndeliverable(listener: (event: { to: PublicKey }) => void): Disposable {
    return this.#undeliverable.add(listener);
  }

  #become(state: SignalingState['state']): void {
    if (this.#state.state === state) return;
    this.#state = { url: this.#state.url, state, sinceMs: this.clock.unixMs() };
    this.#states.tell(this.states());
  }
}

const pairOf = (a: PublicKey, b: PublicKey) => [a, b].sort().join(' ');
