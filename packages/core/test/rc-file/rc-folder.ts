import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadConfig, type LoadFileOptions } from '../../src/assembly/load-config.js';
import type { LoadedConfig } from '../../src/assembly/loaded-config.js';
import { ConfigProblems, type ConfigProblem } from '../../src/base/errors/config-problems.js';
import type { Product } from '../../src/assembly/product/product.js';
import { sampleProduct } from '../assembly/product/sample-product.js';

/** `wg genkey | wg pubkey` */
export const PRIVATE_KEY = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
export const PUBLIC_KEY = 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=';
export const PEER_KEY = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
export const OTHER_PEER_KEY = 'TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=';

/** A folder of our own with an rc file and whatever stands beside it; it goes when the test ends. */
export class RcFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'rc-'));

  constructor(files: Readonly<Record<string, string>> = {}) {
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }));
    this.write('private.key', `${PRIVATE_KEY}\n`, 0o600);
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  /** The mode is set apart from writing, so that the umask of whoever runs the tests does not matter. */
  write(name: string, text: string, mode = 0o644): string {
    const file = join(this.path, name);
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  }

  load(name: string, options: LoadFileOptions & { product?: Product } = {}): Promise<LoadedConfig> {
    const { product = sampleProduct(), ...more } = options;
    return loadConfig(product, { env: {}, configPath: join(this.path, name), ...more });
  }
}

/** The smallest file that is right, with more lines below. */
export const nodeYaml = (more = '') => `privateKeyFile: ./private.key\n${more}\n`;

/** Loads a YAML text that is right. */
export function loadYaml(yaml: string, options: LoadFileOptions & { product?: Product } = {}): Promise<LoadedConfig> {
  return new RcFolder({ 'rc.yaml': yaml }).load('rc.yaml', options);
}

/** Loads a YAML text that is wrong. */
export async function problemsOf(loading: Promise<unknown>): Promise<readonly ConfigProblem[]> {
  try {
    await loading;
  } catch (error) {
    if (error instanceof ConfigProblems) return error.problems;
    throw error;
  }
  throw new Error('no problem was found');
}
