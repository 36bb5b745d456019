import type { LoadedConfig } from '../config/loaded-config.js';

/** One line of `plugins`. */
export interface PluginDescription {
  readonly name: string;
  readonly version: string | null;
  /** The file it was imported from, or `bundled`. */
  readonly resolvedFrom: string;
  readonly roles: readonly string[];
  /** Sections of `server:` that it can run. */
  readonly serverSections: readonly string[];
  /** As written, secrets masked. */
  readonly options: unknown;
}

export function describePlugins(_config: LoadedConfig): PluginDescription[] {
  throw new Error('signature');
}
