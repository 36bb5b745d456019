import type { Clock } from '../base/time/clock.js';
import type { Logger } from '../base/logging/logger.js';
import type { Service } from '../contracts/service.js';
import { CodedError } from '../base/errors/coded-error.js';
import { wrapError } from '../base/errors/wrap-error.js';
import { SLOW_AFTER_MS, within } from '../base/time/deadline.js';

export interface LifecycleOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** @default 30000 */
  readonly startTimeoutMs?: number;
  /** @default 5000 */
  readonly stopTimeoutMs?: number;
}

/** A service with the name it goes by in logs and errors. */
export interface NamedService {
  readonly name: string;
  readonly service: Service;
  /** The service is a plugin's: its failure is PLUGIN_FAILED, not START_FAILED. */
  readonly plugin?: boolean;
  readonly startTimeoutMs?: number;
  readonly stopTimeoutMs?: number;
}

/** Starts services in order and stops them in reverse, each within a bounded time. */
export class Lifecycle implements Service {
  readonly #services: readonly NamedService[];
  readonly #options: LifecycleOptions;
  readonly #stopping = new AbortController();
  /** Those whose `start` was called, whether or not it has returned. */
  readonly #entered: NamedService[] = [];
  #starting: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(services: readonly NamedService[], options: LifecycleOptions) {
    this.#services = services;
    this.#options = options;
  }

  /**
   * One after another. When one fails, those before it are stopped and its error is thrown, with its name.
   * @throws CodedError START_FAILED or PLUGIN_FAILED (a code of ours that the service threw is kept), TIMEOUT, ABORTED.
   */
  start({ signal }: { signal: AbortSignal }): Promise<void> {
    this.#starting ??= this.#startAll(AbortSignal.any([signal, this.#stopping.signal]));
    return this.#starting;
  }

  stop(options: { failed?: boolean } = {}): Promise<void> {
    this.#stopping.abort();
    this.#stopped ??= this.#stopAll(options);
    return this.#stopped;
  }

  async #startAll(signal: AbortSignal): Promise<void> {
    try {
      for (const named of this.#services) {
        if (signal.aborted) throw new CodedError('ABORTED');
        this.#entered.push(named);
        await this.#startOne(named, signal);
      }
    } catch (error) {
      await this.stop({ failed: !signal.aborted });
      throw error;
    }
  }

  async #startOne({ name, service, plugin, startTimeoutMs }: NamedService, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    try {
      await within(() => service.start({ signal }), {
        clock,
        signal,
        timeoutMs: startTimeoutMs ?? this.#options.startTimeoutMs ?? 30_000,
        what: `${name}: start`,
        onSlow: () => logger.warn(`${name} has not started after ${SLOW_AFTER_MS / 1000} s`, { part: name }),
      });
    } catch (error) {
      throw wrapError(error, { name, hook: 'start', code: plugin === true ? 'PLUGIN_FAILED' : 'START_FAILED' });
    }
  }

  async #stopAll(options: { failed?: boolean }): Promise<void> {
    const { clock, logger } = this.#options;
    for (let named = this.#entered.pop(); named !== undefined; named = this.#entered.pop()) {
      const { name, service, stopTimeoutMs } = named;
      try {
        await within(() => service.stop(options), {
          clock,
          timeoutMs: stopTimeoutMs ?? this.#options.stopTimeoutMs ?? 5000,
          what: `${name}: stop`,
        });
      } catch (error) {
        // The others have to be stopped all the same.
        logger.error(`${name} did not stop cleanly`, { part: name, error });
      }
    }
  }
}
