import { Sightings, type Clock, type Logger, type PublicKey } from '@wirepath/core/plugin';
import type { SwitchboardEffect } from '../protocol/switchboard.js';

/** What tells of somebody's mistake, and asks nothing of the sockets. */
export type Mistake = Extract<SwitchboardEffect, { kind: 'foreign-url' | 'not-admitted' | 'replaced' }>;

const LOG_INTERVAL_MS = 10_000;
/** A client that lost its connection replaces itself once; two nodes with one key take turns. */
const TURNS = 4;
const TURNS_WITHIN_MS = 120_000;
/** Keys that are counted at once. */
const MAX_KEYS = 256;

/** What clients do that can mean a mistake in the rc file of this server or of a node, in sentences with the cure. */
export class ServerMistakes {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ofServer: Sightings;
  readonly #ofNodes: Sightings;
  readonly #replaced = new Map<PublicKey, { count: number; sinceMs: number }>();
  #loggedAtMs = -Infinity;

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = clock;
    this.#logger = logger;
    this.#ofServer = new Sightings(clock);
    this.#ofNodes = new Sightings(clock);
  }

  see(mistake: Mistake): void {
    switch (mistake.kind) {
      case 'foreign-url': {
        const { url } = mistake;
        this.#ofServer.see(
          url,
          () =>
            `clients dial ${url}, which this server does not know to be its own: if it is, add it to rendezvous.urls`,
        );
        return this.#log(url);
      }
      case 'not-admitted': {
        const { publicKey } = mistake;
        const cure = 'if it is one of yours, add it to rendezvous.allow or to its allowFile';
        return this.#ofNodes.see(publicKey, () => `${publicKey} may not register: ${cure}`);
      }
      case 'replaced':
        if (!this.#takesTurns(mistake.publicKey)) return;
        return this.#ofNodes.see(
          mistake.publicKey,
          () =>
            `two nodes register with the key ${mistake.publicKey}, in turn: each node needs a private key of its own`,
        );
    }
  }

  problems(): string[] {
    return [...this.#ofServer.problems(), ...this.#ofNodes.problems()];
  }

  #takesTurns(publicKey: PublicKey): boolean {
    const now = this.#clock.now();
    const known = this.#replaced.get(publicKey);
    const isOver = known === undefined || now - known.sinceMs > TURNS_WITHIN_MS;
    const turns = isOver ? { count: 1, sinceMs: now } : { ...known, count: known.count + 1 };
    this.#replaced.delete(publicKey);
    this.#replaced.set(publicKey, turns);
    for (const oldest of this.#replaced.keys()) {
      if (this.#replaced.size <= MAX_KEYS) break;
      this.#replaced.delete(oldest);
    }
    return turns.count >= TURNS;
  }

  /** Now and then, not for each of them. */
  #log(url: string): void {
    const now = this.#clock.now();
    if (now < this.#loggedAtMs + LOG_INTERVAL_MS) return;
    this.#loggedAtMs = now;
    this.#logger.warn('rendezvous: a client dialled a URL that is not ours; if it is, add it to `urls`', { url });
  }
}
