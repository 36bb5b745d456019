import type { Clock } from '../contracts/clock.js';
import type { Logger } from '../contracts/logger.js';
import type { Service } from '../contracts/service.js';

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
  readonly startTimeoutMs?: number;
  readonly stopTimeoutMs?: number;
}

/** Starts services in order and stops them in reverse, each within a bounded time. */
export class Lifecycle implements Service {
  constructor(_services: readonly NamedService[], _options: LifecycleOptions) {
    throw new Error('signature');
  }
  start(_options: { signal: AbortSignal }): Promise<void> {
    throw new Error('signature');
  }
  stop(): Promise<void> {
    throw new Error('signature');
  }
}
