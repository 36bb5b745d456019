import type { Logger } from '@wirepath/core/plugin';

const INTERVAL_MS = 10_000;

/** Says in the log that clients dial a URL that the server does not know to be its own: now and then, not for each of them. */
export class ForeignUrlWarning {
  readonly #logger: Logger;
  #warnedAtMs = -Infinity;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  warn(url: string, nowMs: number): void {
    if (nowMs < this.#warnedAtMs + INTERVAL_MS) return;
    this.#warnedAtMs = nowMs;
    this.#logger.warn('rendezvous: a client dialled a URL that is not ours; if it is, add it to `urls`', { url });
  }
}
