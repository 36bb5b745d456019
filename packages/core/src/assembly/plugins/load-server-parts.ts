import { didYouMean } from '../../rc-file/problems/did-you-mean.js';
import type { LoadedPlugin, LoadedServerPart } from '../loaded-config.js';
import type { ServerPart } from '../../contracts/plugin/server-part.js';
import { bundledPlugin } from './bundled-plugins.js';
import { checkWithSchema, type LoadPluginsContext } from './load-plugins.js';

interface OfferedPart {
  readonly plugin: string;
  readonly part: ServerPart;
  readonly ofProduct: boolean;
}

/** Finds for each section of `server:` the one part that takes it, and checks the sections with that part's schema. */
export async function loadServerParts(
  server: Readonly<Record<string, unknown>>,
  plugins: readonly LoadedPlugin[],
  context: LoadPluginsContext,
): Promise<LoadedServerPart[]> {
  const { z, problems, phases } = context;
  const offered = await offeredParts(plugins, context);
  const known = [...new Set(offered.flatMap(({ part }) => part.sections))];
  const taken = new Map<OfferedPart, Record<string, unknown>>();
  for (const [section, value] of Object.entries(server)) {
    const takers = offered.filter(({ part }) => part.sections.includes(section));
    // What the rc file names goes before what comes with the product.
    const named = takers.filter(({ ofProduct }) => !ofProduct);
    const [taker, ...others] = named.length > 0 ? named : takers;
    if (taker === undefined) {
      const guess = didYouMean(section, known);
      const expected = known.length === 0 ? 'no such section' : `one of the sections ${known.join(', ')}`;
      problems.add(['server', section], expected, {
        found: 'an unknown section',
        ...(guess ? { suggestion: guess } : {}),
      });
      continue;
    }
    for (const other of others) {
      problems.add(['server', section], 'one plugin to take this section', {
        plugin: other.plugin,
        found: `${taker.plugin} takes it too`,
      });
    }
    taken.set(taker, { ...taken.get(taker), [section]: value });
  }
  const loaded: LoadedServerPart[] = [];
  for (const [{ plugin, part }, sections] of taken) {
    const checked = await checkWithSchema(part.options(z), sections, { path: ['server'], plugin, z, problems, phases });
    if (checked !== undefined)
      loaded.push(Object.freeze({ plugin, part, sections: Object.keys(sections), options: checked.options }));
  }
  return loaded;
}

/** Parts of the rc file's plugins, then of the product's. */
async function offeredParts(
  plugins: readonly LoadedPlugin[],
  { product, phases }: LoadPluginsContext,
): Promise<OfferedPart[]> {
  const offered: OfferedPart[] = plugins.flatMap(({ name, definition }) =>
    (definition.serverParts ?? []).map((part) => ({ plugin: name, part, ofProduct: false })),
  );
  const seen = new Set(plugins.map(({ definition }) => definition.name));
  for (const name of product.serverPlugins) {
    const definition = await bundledPlugin(product, name, phases);
    if (seen.has(definition.name)) continue;
    seen.add(definition.name);
    for (const part of definition.serverParts ?? []) offered.push({ plugin: name, part, ofProduct: true });
  }
  return offered;
}
