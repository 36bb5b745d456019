import type { ProductFacts } from '../product-facts.js';

/** A row of the table of environment variables in docs/configuration.md. */
export interface EnvironmentVariable {
  /** Without the product's prefix and the `_` after it. */
  readonly suffix: string;
  readonly keyPath: string;
  readonly description: string;
}

/** Those with a name of their own, or worth a word; every other key has a name too, see {@link generalVariables}. */
export const ENVIRONMENT_VARIABLES: readonly EnvironmentVariable[] = [
  {
    suffix: 'PRIVATE_KEY_FILE',
    keyPath: 'privateKeyFile',
    description: 'File with the private key; replaces `privateKey` too.',
  },
  { suffix: 'INTERFACE', keyPath: 'interface', description: 'Name of the interface.' },
  { suffix: 'MTU', keyPath: 'mtu', description: 'MTU of the interface, bytes.' },
  { suffix: 'LOG_LEVEL', keyPath: 'log.level', description: 'Level of the log.' },
];

/** The full name of a variable for a product. */
export function environmentVariableName(product: Pick<ProductFacts, 'environmentPrefix'>, suffix: string): string {
  return `${product.environmentPrefix}_${suffix}`;
}

/** Names the rc file, in the place of `--config`; no key of it. */
export function configVariable(product: Pick<ProductFacts, 'environmentPrefix'>): string {
  return environmentVariableName(product, 'CONFIG');
}

/** Keys of the rc file as nested names; null: a value, true: anything may follow. */
export interface KeyTree {
  readonly [key: string]: KeyTree | true | null;
}

/** The rc file's own keys. `server` has its plugins' keys, so any path may follow it. */
export const RC_KEYS: KeyTree = {
  privateKeyFile: null,
  privateKey: null,
  interface: null,
  addresses: null,
  mtu: null,
  plugins: null,
  peers: null,
  peersFile: null,
  traversal: {
    enabled: null,
    holePunchTimeout: null,
    refreshInterval: null,
    maxCandidatePairs: null,
    hardNat: null,
    remember: null,
    upgradeTimeout: null,
  },
  log: { level: null },
  server: true,
};

/** Every variable of the general form that stands for one key: `WIREPATH_TRAVERSAL__REFRESH_INTERVAL`. */
export function generalVariables(
  product: Pick<ProductFacts, 'environmentPrefix'>,
): { readonly variable: string; readonly keyPath: string }[] {
  const toName = (key: string) => key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  const walk = (tree: KeyTree, name: string, path: string): { variable: string; keyPath: string }[] =>
    Object.entries(tree).flatMap(([key, below]) => {
      const [variable, keyPath] = [`${name}${toName(key)}`, `${path}${key}`];
      if (below === null) return [{ variable, keyPath }];
      return below === true ? [] : walk(below, `${variable}__`, `${keyPath}.`);
    });
  return walk(RC_KEYS, `${product.environmentPrefix}_`, '');
}
