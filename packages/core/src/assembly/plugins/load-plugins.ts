import { stat } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { deepFreeze } from '../../rc-file/deep-freeze.js';
import { didYouMean } from '../../rc-file/problems/did-you-mean.js';
import type { TrustedOwners } from '../../base/rights/file-trust.js';
import { formatKeyPath } from '../../rc-file/problems/key-path.js';
import type { LoadedPlugin } from '../loaded-config.js';
import type { ProblemList } from '../../rc-file/problems/problem-list.js';
import type { ConfigSource } from '../../rc-file/reading/config-source.js';
import { schemaKeys } from '../../rc-file/checking/schema-keys.js';
import { schemaProblems } from '../../rc-file/checking/schema-problems.js';
import type { PluginDefinition, Requirement } from '../../contracts/plugin/plugin.js';
import type { Schema, SchemaLibrary } from '../../contracts/plugin/schema.js';
import { isAborted } from '../../base/errors/coded-error.js';
import type { Product } from '../product/product.js';
import { asDefinition, definitionFaults, exportedPlugin, requiresFaults } from './check-definition.js';
import { importFailure } from '../../base/errors/import-failure.js';
import type { PluginPhases } from '../../base/guard/plugin-phases.js';
import { packageVersion, resolvePlugin, type Resolution } from './resolve-plugin.js';
import { reasonOf } from '../../base/errors/reason-of.js';

type Path = readonly PropertyKey[];

/** A plugin as the rc file or the product names it. */
export interface PluginEntry {
  readonly name: string;
  readonly options: unknown;
  /** Where the name stands. */
  readonly path: Path;
  /** Where the options stand. */
  readonly optionsPath: Path;
}

export interface LoadPluginsContext {
  readonly product: Product;
  readonly z: SchemaLibrary;
  readonly problems: ProblemList;
  readonly source: ConfigSource;
  readonly owners: TrustedOwners | undefined;
  /** False: the rc file is not ours alone, so nothing that it leads to is executed. */
  readonly trusted: boolean;
  readonly phases: PluginPhases;
}

/** The entries of `plugins:`, leniently: what has the wrong shape is the schema's to report. */
export function pluginEntries(value: unknown): PluginEntry[] {
  if (!Array.isArray(value)) return [];
  return (value as unknown[]).flatMap((entry, index): PluginEntry[] => {
    const path = ['plugins', index];
    if (typeof entry === 'string' && entry !== '')
      return [{ name: entry, options: undefined, path, optionsPath: path }];
    if (!Array.isArray(entry)) return [];
    const [name, options] = entry as unknown[];
    if (typeof name !== 'string' || name === '') return [];
    return [{ name, options, path, optionsPath: [...path, 1] }];
  });
}

/** The product's own list, for an rc file that has none. */
export function defaultEntries(product: Product): PluginEntry[] {
  return product.defaultPlugins.map((entry): PluginEntry => {
    const [name, options] = typeof entry === 'string' ? [entry, undefined] : entry;
    return { name, options, path: ['plugins'], optionsPath: ['plugins'] };
  });
}

/** Finds, imports and checks plugins, each with its options. Those with a problem are left out. */
export async function loadPlugins(
  entries: readonly PluginEntry[],
  context: LoadPluginsContext,
): Promise<LoadedPlugin[]> {
  const loaded = await Promise.all(entries.map((entry) => loadPlugin(entry, context)));
  const byName = new Map<string, LoadedPlugin>();
  for (const [index, plugin] of loaded.entries()) {
    if (plugin === undefined) continue;
    const first = byName.get(plugin.definition.name);
    if (first === undefined) byName.set(plugin.definition.name, plugin);
    else {
      context.problems.add(entries[index]?.path ?? [], 'each plugin once', {
        plugin: plugin.name,
        found: `the same plugin as ${first.keyPath}`,
      });
    }
  }
  return [...byName.values()];
}

async function loadPlugin(entry: PluginEntry, context: LoadPluginsContext): Promise<LoadedPlugin | undefined> {
  const { problems, product } = context;
  const imported = await importPlugin(entry, context);
  if (imported === undefined) return undefined;
  const value = exportedPlugin(imported.module);
  const faults = definitionFaults(value);
  for (const { expected, ...more } of faults) problems.add(entry.path, expected, { plugin: entry.name, ...more });
  if (faults.length > 0) return undefined;
  const definition = asDefinition(value);
  const checked = await checkOptions(entry, definition, context);
  if (checked === undefined) return undefined;
  const requires = requirements(entry, definition, checked.options, problems);
  if (requires === undefined) return undefined;
  // Frozen here and not deeply: the definition is the plugin author's own object.
  return Object.freeze<LoadedPlugin>({
    name: entry.name,
    keyPath: formatKeyPath(entry.path),
    definition,
    options: checked.options,
    writtenOptions: entry.options,
    resolvedFrom: imported.file,
    version: imported.file === undefined ? product.version : await packageVersion(imported.file),
    roles: definition.provides,
    requires,
  });
}

async function importPlugin(
  { name, path }: PluginEntry,
  { product, problems, source, owners, trusted, phases }: LoadPluginsContext,
): Promise<{ module: unknown; file: string | undefined } | undefined> {
  const fail = (expected: string, found: string, suggestion?: string, error?: unknown) => {
    const more = { ...(suggestion === undefined ? {} : { suggestion }), ...problems.stackOf(error) };
    problems.add(path, expected, { plugin: name, found, ...more });
    return undefined;
  };
  const bundled = Object.hasOwn(product.plugins, name) ? product.plugins[name] : undefined;
  const resolution: Resolution =
    source.productFirst && bundled !== undefined ? { kind: 'missing' } : await resolvePlugin(name, source.folder);
  let file: string | undefined;
  let importModule: (() => Promise<unknown>) | undefined = bundled;
  if (resolution.kind === 'unresolvable' && bundled === undefined)
    return fail('a plugin that can be resolved', resolution.found);
  if (resolution.kind === 'file' && trusted) {
    file = resolution.file;
    const distrust = await distrustOfModule(file, owners);
    if (distrust !== undefined) return fail('a plugin that nobody else may change', distrust);
    importModule = () => import(pathToFileURL(resolution.file).href) as Promise<unknown>;
  }
  if (importModule === undefined) {
    // Not executed, for the rc file is not to be trusted; that is a problem of its own.
    if (resolution.kind === 'file') return undefined;
    const guess = didYouMean(name, Object.keys(product.plugins));
    const [from, beside] =
      source.given === undefined
        ? ['the folder of this file', 'beside this file']
        : [source.folder, `in ${source.folder}`];
    const found = `nothing of that name, neither from ${from} nor with the product`;
    return fail(
      'a plugin that is installed',
      found,
      guess ?? (/^[./]/.test(name) ? undefined : `install it ${beside}: npm install ${name}`),
    );
  }
  try {
    return { module: await phases.wait(name, 'import', importModule), file };
  } catch (error) {
    if (isAborted(error)) throw error;
    const { found, suggestion } = await importFailure(error, file);
    return fail('a module that can be imported', found, suggestion, error);
  }
}

/** Of code, unlike configuration, only what the world may write is refused: package trees are often group-writable. */
async function distrustOfModule(file: string, owners: TrustedOwners | undefined): Promise<string | undefined> {
  if (owners === undefined) return undefined;
  const stats = await stat(file);
  if ((stats.mode & 0o002) !== 0) return `${file} is writable by others`;
  return owners.uids.has(stats.uid) ? undefined : `${file} belongs to another user (uid ${stats.uid})`;
}

async function checkOptions(
  { name, options, optionsPath }: PluginEntry,
  definition: PluginDefinition,
  { z, problems, phases }: LoadPluginsContext,
): Promise<{ options: unknown } | undefined> {
  if (definition.options === undefined) {
    if (options === undefined || options === null || (typeof options === 'object' && Object.keys(options).length === 0))
      return { options: Object.freeze({}) };
    problems.add(optionsPath, 'no options: this plugin takes none', { plugin: name, found: 'options' });
    return undefined;
  }
  let schema: Schema;
  try {
    schema = definition.options(z);
  } catch (error) {
    const found = `an error: ${reasonOf(error)}`;
    problems.add(optionsPath, '`options` to return a schema', { plugin: name, found, ...problems.stackOf(error) });
    return undefined;
  }
  return checkWithSchema(schema, options ?? {}, { path: optionsPath, plugin: name, z, problems, phases });
}

/** What the plugin requires with these options; undefined after adding problems. */
function requirements(
  { name, path }: PluginEntry,
  { requires = [] }: PluginDefinition,
  options: unknown,
  problems: ProblemList,
): readonly Requirement[] | undefined {
  if (typeof requires !== 'function') return requires;
  let given: unknown;
  try {
    given = requires(options);
  } catch (error) {
    const found = `an error: ${reasonOf(error)}`;
    problems.add(path, '`requires` to return a list', { plugin: name, found, ...problems.stackOf(error) });
    return undefined;
  }
  let faulty = false;
  requiresFaults(given, (expected, found) => {
    faulty = true;
    problems.add(path, expected, { plugin: name, found });
  });
  return faulty ? undefined : (given as readonly Requirement[]);
}

export interface SchemaCheck {
  readonly path: Path;
  readonly plugin: string;
  readonly z: SchemaLibrary;
  readonly problems: ProblemList;
  readonly phases: PluginPhases;
}

/** Checks a value against a plugin's schema. @returns its output, deeply frozen, or undefined after adding problems. */
export async function checkWithSchema(
  schema: Schema,
  value: unknown,
  { path, plugin, z, problems, phases }: SchemaCheck,
): Promise<{ options: unknown } | undefined> {
  let result;
  try {
    // Without compiling the schema into a function first: it is applied once.
    result = await phases.wait(plugin, 'options', () => schema.safeParseAsync(value, { jitless: true }));
  } catch (error) {
    if (isAborted(error)) throw error;
    const found = `an error: ${reasonOf(error)}`;
    problems.add(path, 'a schema that can be applied', { plugin, found, ...problems.stackOf(error) });
    return undefined;
  }
  if (result.success) return { options: deepFreeze(result.data) };
  for (const problem of schemaProblems(result.error.issues, { value, prefix: path, keysAt: schemaKeys(z, schema) })) {
    const { path: below, expected, ...more } = problem;
    problems.add([...path, ...below], expected, { plugin, ...more });
  }
  return undefined;
}
