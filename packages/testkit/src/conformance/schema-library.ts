import { configJsonSchema, defineProduct, type SchemaLibrary } from '@wirepath/core';

let known: SchemaLibrary | undefined;

/** The schema library that the core hands to plugins: taken as a plugin takes it, so that nobody has to depend on it. */
export async function schemaLibrary(): Promise<SchemaLibrary> {
  if (known !== undefined) return known;
  const listener = {
    name: 'listener',
    apiVersion: 1 as const,
    options: (library: SchemaLibrary) => {
      known = library;
      return library.strictObject({});
    },
    needs: [],
    provides: [],
    create: () => ({}),
  };
  const definition = { name: 'conformance', version: '0', defaultPlugins: [], serverPlugins: [] };
  await configJsonSchema(defineProduct({ ...definition, plugins: { listener: async () => listener } }));
  if (known === undefined) throw new Error('the core did not ask the plugin for its options');
  return known;
}
