import type { PluginDefinition } from '../contracts/plugin/plugin.js';
import type { SchemaLibrary } from '../contracts/plugin/schema.js';
import { bundledPlugins } from './plugins/bundled-plugins.js';
import type { Product } from './product/product.js';
import { rcSchema } from '../rc-file/checking/rc-schema.js';
import { toJsonSchema } from '../rc-file/checking/schema-keys.js';

type Json = Record<string, unknown>;

/** JSON Schema (2020-12) of the product's rc file, with the options of every plugin that comes with it. */
export async function configJsonSchema(product: Product): Promise<Json> {
  const { z } = await import('zod');
  const root = toJsonSchema(z, rcSchema(z, product));
  const definitions = await bundledPlugins(product);
  const properties = root['properties'] as Record<string, Json>;
  return {
    ...root,
    title: `Configuration of ${product.name}`,
    properties: {
      ...properties,
      plugins: { ...properties['plugins'], items: { anyOf: pluginSchemas(z, definitions) } },
      server: serverSchema(z, product, definitions),
    },
  };
}

function pluginSchemas(z: SchemaLibrary, definitions: ReadonlyMap<string, PluginDefinition>): Json[] {
  const names = [...definitions.keys()];
  const bundled = [...definitions].map(([name, definition]) => ({
    type: 'array',
    title: name,
    prefixItems: [
      { const: name },
      definition.options === undefined ? { type: 'object', maxProperties: 0 } : embedded(z, definition),
    ],
    minItems: 1,
    maxItems: 2,
  }));
  const foreign = { type: 'string', not: { enum: names } };
  return [
    { type: 'string', description: 'A plugin without options.', anyOf: [{ enum: names }, {}] },
    ...bundled,
    { type: 'array', title: 'any other plugin', prefixItems: [foreign, {}], minItems: 2, maxItems: 2 },
  ];
}

function serverSchema(z: SchemaLibrary, product: Product, definitions: ReadonlyMap<string, PluginDefinition>): Json {
  const parts = product.serverPlugins.flatMap((name) => definitions.get(name)?.serverParts ?? []);
  const properties = Object.assign({}, ...parts.map((part) => embedded(z, part)['properties'])) as Json;
  return { type: 'object', description: 'What `serve` runs, by section.', properties };
}

function embedded(
  z: SchemaLibrary,
  source: { options?(schema: SchemaLibrary): Parameters<typeof toJsonSchema>[1] },
): Json {
  if (source.options === undefined) return {};
  const { $schema: _dialect, ...schema } = toJsonSchema(z, source.options(z));
  return schema;
}
