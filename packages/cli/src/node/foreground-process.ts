import type { LoadedConfig } from '@wirepath/core';
import type { ControlMethod } from '../control/connection.js';

/** What runs until a signal: a node, or servers. */
export interface ForegroundProcess {
  start(options: { signal: AbortSignal }): Promise<void>;
  /** Between the signal to stop and `stop`, for as long as it takes. @param options.signal a second one: at once, then. */
  drain?(options: { signal: AbortSignal }): Promise<void>;
  /** @param options.failed it is not by a signal: what is to outlive a failure stays. */
  stop(options?: { failed?: boolean }): Promise<void>;
  reload(config: LoadedConfig): Promise<void>;
  status(): unknown;
  /** Linux capabilities that it needs from start to stop; as root, the others are given up. */
  readonly capabilities: readonly string[];
  /** Of the control socket, besides `status`. */
  readonly methods: Readonly<Record<string, ControlMethod>>;
  onChange(listener: () => void): Disposable;
}
