import type { PluginDefinition } from '../../contracts/plugin/plugin.js';

/** A default export of a plugin package, or the module that has it. */
export type PluginModule = PluginDefinition | { readonly default: PluginDefinition };

/** What a vendor says of a product; everything users see follows from `name`. */
export interface ProductDefinition {
  /** Lower case, as typed: names the command, rc files (`.<name>rc`), `package.json#<name>`, logger and runtime folder. */
  readonly name: string;
  readonly version: string;
  /** Prefix of environment variables. Default: the name in upper case, with `_` for `-`. */
  readonly environmentPrefix?: string;
  /** Where to ask for help, printed by `--help`. */
  readonly homepage?: string;
  /** Plugins that come with the product, by package name, imported when first needed. An rc file's own folder goes first. */
  readonly plugins: Readonly<Record<string, () => Promise<PluginModule>>>;
  /** Those of `plugins` that a node uses when the rc file names none. */
  readonly defaultPlugins: readonly (string | readonly [name: string, options: unknown])[];
  /** Those of `plugins` that supply server parts, besides what the rc file names. */
  readonly serverPlugins: readonly string[];
}

/** A product with all defaults filled in and frozen. */
export interface Product extends Required<Omit<ProductDefinition, 'homepage'>> {
  readonly homepage: string | undefined;
}
