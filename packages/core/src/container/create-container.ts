import type { DependencyContainer } from 'tsyringe';
import type { LoadedConfig } from '../config/loaded-config.js';
import type { RcFilePeers } from '../config/rc-file-peers.js';
import type { Clock, RandomSource } from '../contracts/clock.js';
import type { Logger } from '../contracts/logger.js';
import type { Contribution } from '../contracts/plugin.js';
import type { Product } from '../product/product.js';
import type { Token } from './tokens.js';

/** What the embedder supplies; tests hand in a fake clock and a seeded source. */
export interface Environment {
  readonly logger: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: the system's. */
  readonly random?: RandomSource;
}

/** One plugin of a node, and what it added. */
export interface WiredPlugin {
  readonly plugin: string;
  readonly contribution: Contribution;
  /** As written, secrets masked. */
  readonly options: unknown;
}

/** A node's parts, created and registered; nothing has been started. */
export interface WiredNode {
  readonly container: DependencyContainer;
  /** @throws CodedError CONFIG when nothing is registered for it. */
  get<T>(token: Token<T>): T;
  /** As `get`, undefined when nothing is registered for it. */
  find<T>(token: Token<T>): T | undefined;
  readonly contributions: readonly WiredPlugin[];
  /** Peers of the rc file; `update` takes those of a file read again. */
  readonly rcFilePeers: RcFilePeers;
  readonly warnings: readonly string[];
}

/**
 * Creates every plugin of the node and wires them in a container of their own. No I/O.
 * @throws CodedError PLUGIN_FAILED when a plugin's `create` throws or hangs; ConfigProblems when one is of no use without another.
 */
export function createContainer(
  _product: Product,
  _config: LoadedConfig,
  _environment: Environment,
): Promise<WiredNode> {
  throw new Error('signature');
}
