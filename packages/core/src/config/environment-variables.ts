import type { Product } from '../product/product.js';

/** A row of the table of environment variables in docs/configuration.md. */
export interface EnvironmentVariable {
  /** Without the product's prefix and the `_` after it. */
  readonly suffix: string;
  readonly keyPath: string;
  readonly description: string;
}

/** Named overrides; any other key is reached with `__` between the parts of its path. */
export const ENVIRONMENT_VARIABLES: readonly EnvironmentVariable[] = [
  { suffix: 'PRIVATE_KEY_FILE', keyPath: 'privateKeyFile', description: 'File with the private key.' },
  { suffix: 'INTERFACE', keyPath: 'interface', description: 'Name of the interface.' },
  { suffix: 'MTU', keyPath: 'mtu', description: 'MTU of the interface, bytes.' },
  { suffix: 'LOG_LEVEL', keyPath: 'log.level', description: 'Level of the log.' },
];

/** The full name of a variable for a product. */
export function environmentVariableName(product: Product, suffix: string): string {
  return `${product.environmentPrefix}_${suffix}`;
}
