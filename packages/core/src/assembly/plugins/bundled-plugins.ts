import type { PluginDefinition } from '../../contracts/plugin/plugin.js';
import { CodedError, isAborted } from '../../base/errors/coded-error.js';
import type { Product } from '../product/product.js';
import { asDefinition, definitionFaults, exportedPlugin } from './check-definition.js';
import { importFailure } from '../../base/errors/import-failure.js';
import { PluginPhases } from '../../base/guard/plugin-phases.js';

/**
 * Imports a plugin that comes with the product.
 * @throws CodedError PLUGIN_FAILED when it cannot be imported or is not a plugin: a fault of the product.
 */
export async function bundledPlugin(
  product: Product,
  name: string,
  phases: PluginPhases = new PluginPhases(),
): Promise<PluginDefinition> {
  let value: unknown;
  try {
    value = exportedPlugin(await phases.wait(name, 'import', () => product.plugins[name]?.()));
  } catch (cause) {
    if (isAborted(cause)) throw cause;
    const { found, suggestion } = await importFailure(cause, undefined);
    throw new CodedError('PLUGIN_FAILED', `${name}: import: ${found}`, {
      plugin: name,
      cause,
      ...(suggestion === undefined ? {} : { advice: `${suggestion}.` }),
    });
  }
  const [fault] = definitionFaults(value);
  if (fault === undefined) return asDefinition(value);
  throw new CodedError('PLUGIN_FAILED', `${name}: expected ${fault.expected}, found ${fault.found}`, { plugin: name });
}

/** All of them, by the name under which the product knows them. */
export async function bundledPlugins(
  product: Product,
  phases?: PluginPhases,
): Promise<ReadonlyMap<string, PluginDefinition>> {
  const names = Object.keys(product.plugins);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await bundledPlugin(product, name, phases)] as const)),
  );
}
