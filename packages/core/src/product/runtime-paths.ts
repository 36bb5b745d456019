import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import type { Product } from './product.js';

export interface RuntimePathOptions {
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: the process's. */
  readonly uid?: number;
}

/** `$XDG_RUNTIME_DIR/<name>` (for root too), else `/run/<name>` for root, else `<tmp>/<name>-<uid>`. */
export function runtimeFolder(product: Pick<Product, 'name'>, options: RuntimePathOptions = {}): string {
  const env = options.env ?? process.env;
  const uid = options.uid ?? process.getuid?.();
  const xdg = env['XDG_RUNTIME_DIR'];
  // The XDG base directory specification has relative values ignored.
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, product.name);
  if (uid === 0) return join('/run', product.name);
  return join(tmpdir(), uid === undefined ? product.name : `${product.name}-${uid}`);
}

/**
 * The control socket of the node that runs on this rc file.
 * @param rcFile its path; made absolute, symbolic links are not followed.
 */
export function controlSocketPath(
  product: Pick<Product, 'name'>,
  rcFile: string,
  options: RuntimePathOptions = {},
): string {
  // 16 hex digits: a socket's path may have no more than 107 bytes.
  const hash = createHash('sha256').update(resolve(rcFile)).digest('hex').slice(0, 16);
  return join(runtimeFolder(product, options), `${hash}.sock`);
}
