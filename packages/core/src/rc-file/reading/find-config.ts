import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ProductFacts } from '../product-facts.js';

export interface FindConfigOptions {
  /** `--config`; nothing is searched then. */
  readonly configPath?: string | undefined;
  /** Default: the working directory. */
  readonly cwd?: string | undefined;
}

/**
 * Names searched for, in cosmiconfig's order. Data only: `<name>.config.*` is code and has to be named with `--config`.
 * cosmiconfig's own search is not used, because it runs `.config/config.*` of the working directory before any search.
 */
export function searchPlaces(product: Pick<ProductFacts, 'name'>): string[] {
  const { name } = product;
  return ['package.json', `.${name}rc`, `.${name}rc.json`, `.${name}rc.yaml`, `.${name}rc.yml`];
}

/**
 * Absolute path of the rc file, found without reading it (but for `package.json`) and without loading cosmiconfig, so that
 * `status` stays quick. With `configPath` it is that path, there or not. Folders above are not searched.
 * @returns undefined where the folder has none.
 */
export async function findConfig(
  product: Pick<ProductFacts, 'name'>,
  options: FindConfigOptions = {},
): Promise<string | undefined> {
  const cwd = resolve(options.cwd ?? process.cwd());
  if (options.configPath !== undefined) return resolve(cwd, options.configPath);
  for (const place of searchPlaces(product)) {
    const file = join(cwd, place);
    if (place === 'package.json' ? await hasProperty(file, product.name) : await isFile(file)) return file;
  }
  return undefined;
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch {
    // Not there, or not for us to see: either way it is not the rc file.
    return false;
  }
}

async function hasProperty(packageFile: string, name: string): Promise<boolean> {
  try {
    const json: unknown = JSON.parse(await readFile(packageFile, 'utf8'));
    return typeof json === 'object' && json !== null && Object.hasOwn(json, name);
  } catch {
    // A missing or broken package.json holds no configuration of ours.
    return false;
  }
}
