import type { Product } from './product.js';

export interface RuntimePathOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: the process's; undefined on Windows. */
  readonly uid?: number | undefined;
}

/** `$XDG_RUNTIME_DIR/<name>` (for root too), else `/run/<name>` for root, else `<tmp>/<name>-<uid>`. */
export function runtimeFolder(_product: Product, _options: RuntimePathOptions = {}): string {
  throw new Error('signature');
}

/** The control socket of the node that runs on this rc file. */
export function controlSocketPath(_product: Product, _rcFile: string, _options: RuntimePathOptions = {}): string {
  throw new Error('signature');
}
