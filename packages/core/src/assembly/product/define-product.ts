import { CodedError } from '../../base/errors/coded-error.js';
import type { Product, ProductDefinition } from './product.js';

/**
 * Fills in the defaults, checks, and freezes.
 *
 * ```ts
 * export const product = defineProduct({
 *   name: 'acme-vpn',
 *   version: '1.0.0',
 *   plugins: { '@wirepath/transport-wg': () => import('@wirepath/transport-wg') },
 *   defaultPlugins: ['@wirepath/transport-wg'],
 *   serverPlugins: [],
 * });
 * ```
 *
 * @throws CodedError CONFIG when the definition itself is wrong.
 */
export function defineProduct(definition: ProductDefinition): Product {
  const fail = (message: string): never => {
    throw new CodedError('CONFIG', `defineProduct: ${message}`, {
      subject: definition.name,
      advice: 'This is a fault of the program, not of the rc file.',
    });
  };
  const { name, version, plugins } = definition;
  // It becomes file names, a folder, an environment prefix and an interface name.
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    fail(`name ${JSON.stringify(name)}: expected lower case, digits and -`);
  if (version === '') fail('version is empty');
  const environmentPrefix = definition.environmentPrefix ?? name.toUpperCase().replaceAll('-', '_');
  if (!/^[A-Z][A-Z0-9_]*[A-Z0-9]$/.test(environmentPrefix)) {
    fail(`environmentPrefix ${JSON.stringify(environmentPrefix)}: expected upper case, digits and _`);
  }
  for (const entry of definition.defaultPlugins) {
    const plugin = typeof entry === 'string' ? entry : entry[0];
    if (!Object.hasOwn(plugins, plugin)) fail(`default plugin ${plugin} is not among its plugins`);
  }
  for (const plugin of definition.serverPlugins) {
    if (!Object.hasOwn(plugins, plugin)) fail(`server plugin ${plugin} is not among its plugins`);
  }
  return Object.freeze({
    name,
    version,
    environmentPrefix,
    homepage: definition.homepage,
    plugins: Object.freeze({ ...plugins }),
    defaultPlugins: Object.freeze([...definition.defaultPlugins]),
    serverPlugins: Object.freeze([...definition.serverPlugins]),
  });
}
