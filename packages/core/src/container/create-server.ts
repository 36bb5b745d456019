import type { LoadedConfig } from '../config/loaded-config.js';
import type { RunningServer } from '../contracts/plugin.js';
import type { Product } from '../product/product.js';
import type { Environment } from './create-container.js';

/**
 * Creates the server parts of the rc file. Nothing has been started.
 * @throws CodedError CONFIG when the file has no `server`; PLUGIN_FAILED when a part's `create` throws.
 */
export function createServer(
  _product: Product,
  _config: LoadedConfig,
  _environment: Environment,
): Promise<RunningServer[]> {
  throw new Error('signature');
}

/** Hands the sections of an rc file that was read again to the servers that run them. */
export function reloadServers(_servers: readonly RunningServer[], _config: LoadedConfig): void {
  throw new Error('signature');
}
