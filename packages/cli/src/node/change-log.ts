import type { Logger } from '@wirepath/core/plugin';
import { formatRtt } from '../text/units.js';
import type { StatusDocument } from './documents.js';

/** A burst of changes is looked at once. */
const THROTTLE_MS = 20;

/** Logs what a person wants to know as it happens: how each peer is connected, and whether signalling is up. */
export class ChangeLog implements Disposable {
  readonly #status: () => StatusDocument;
  readonly #logger: Logger;
  readonly #connections = new Map<string, string>();
  readonly #signaling = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(status: () => StatusDocument, logger: Logger) {
    this.#status = status;
    this.#logger = logger;
  }

  /** To be called on every change of the status. */
  readonly onChange = (): void => {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#logChanges();
    }, THROTTLE_MS);
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #logChanges(): void {
    const { peers, signaling } = this.#status();
    for (const { name, publicKey, connection, endpoint, rttMs, reason } of peers) {
      const before = this.#connections.get(publicKey);
      if (before === connection) continue;
      this.#connections.set(publicKey, connection);
      const path = endpoint === null ? '' : ` (${endpoint}${rttMs === null ? '' : `, ${formatRtt(rttMs)}`})`;
      const why = connection === 'unreachable' && reason !== null ? `: ${reason}` : '';
      this.#logger.info(`peer ${name} is ${connection}${path}${why}`, {
        peer: name,
        connection,
        before: before ?? null,
        endpoint,
        rttMs,
      });
    }
    this.#forget(peers.map(({ publicKey }) => publicKey));
    for (const { url, state, error } of signaling) {
      const now = `${state} ${error ?? ''}`;
      if (this.#signaling.get(url) === now) continue;
      this.#signaling.set(url, now);
      const text = `signaling ${url} is ${state}${error === null ? '' : `: ${error}`}`;
      if (error === null) this.#logger.info(text, { url, state });
      else this.#logger.warn(text, { url, state, error });
    }
  }

  #forget(living: readonly string[]): void {
    for (const publicKey of this.#connections.keys()) {
      if (!living.includes(publicKey)) this.#connections.delete(publicKey);
    }
  }
}
