import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { configVariable } from '../overrides/environment-variables.js';
import type { ProductFacts } from '../product-facts.js';

export interface FindConfigOptions {
  /** `--config`; nothing is searched then. */
  readonly configPath?: string | undefined;
  /** Default: the working directory. */
  readonly cwd?: string | undefined;
  /** Its `<PREFIX>_CONFIG` names a file, after `--config`. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Default: `/etc/<name>`. */
  readonly systemFolder?: string | undefined;
}

/**
 * Names searched for, in cosmiconfig's order. Data only: `<name>.config.*` is code and has to be named with `--config`.
 * cosmiconfig's own search is not used, because it runs `.config/config.*` of the working directory before any search.
 */
export function searchPlaces(product: Pick<ProductFacts, 'name'>): string[] {
  const { name } = product;
  return ['package.json', `.${name}rc`, `.${name}rc.json`, `.${name}rc.yaml`, `.${name}rc.yml`];
}

/** The folder of the system's own configuration, where units of systemd look too. */
export function systemFolder({ name }: Pick<ProductFacts, 'name'>): string {
  return `/etc/${name}`;
}

/**
 * Absolute path of the rc file, found without reading it (but for `package.json`) and without loading cosmiconfig, so that
 * `status` stays quick: `configPath`, or what `<PREFIX>_CONFIG` names, there or not; else of the working directory; else of
 * `/etc/<name>`. Folders above are not searched.
 * @returns undefined where there is none.
 */
export async function findConfig(product: ProductFacts, options: FindConfigOptions = {}): Promise<string | undefined> {
  const { env = process.env } = options;
  const cwd = resolve(options.cwd ?? process.cwd());
  const named = options.configPath ?? env[configVariable(product)];
  if (named !== undefined && named !== '') return resolve(cwd, named);
  for (const place of searchPlaces(product)) {
    const file = join(cwd, place);
    if (place === 'package.json' ? await hasProperty(file, product.name) : await isFile(file)) return file;
  }
  return findInSystem(product, options.systemFolder ?? systemFolder(product));
}

/** `<name>.yaml` and its like, or whatever stands there alone: one node on a machine needs no name for its file. */
async function findInSystem({ name }: ProductFacts, folder: string): Promise<string | undefined> {
  const files = await filesOf(folder);
  const own = DATA_EXTENSIONS.map((extension) => `${name}${extension}`).find((file) => files.includes(file));
  const [only, ...others] = files.filter((file) => DATA_EXTENSIONS.includes(extname(file)));
  const found = own ?? (others.length === 0 ? only : undefined);
  return found === undefined ? undefined : join(folder, found);
}

const DATA_EXTENSIONS = ['.yaml', '.yml', '.json'];

async function filesOf(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
  } catch {
    // Not there, or not for us to see.
    return [];
  }
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
