import type { Product } from '../product/product.js';
import type { FindConfigOptions } from './find-config.js';
import type { LoadedConfig } from './loaded-config.js';

export interface LoadConfigOptions extends FindConfigOptions {
  /** Environment variables that may override keys. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * Reads and checks the rc file, its secrets, plugins and server sections.
 * @throws ConfigProblems with everything that is wrong, at once.
 */
export function loadConfig(_product: Product, _options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  throw new Error('signature');
}
