import type { Product } from '../product/product.js';

export interface FindConfigOptions {
  /** `--config`; nothing is searched then. */
  readonly configPath?: string | undefined;
  /** Default: the working directory. */
  readonly cwd?: string | undefined;
}

/**
 * Absolute path of the rc file, found without reading it (but for `package.json`) and without loading cosmiconfig, so that
 * `status` stays quick. With `configPath` it is that path, there or not.
 * @returns undefined where the folder has none.
 */
export function findConfig(_product: Product, _options: FindConfigOptions = {}): Promise<string | undefined> {
  throw new Error('signature');
}
