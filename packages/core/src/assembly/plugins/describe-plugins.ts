import type { LoadedConfig } from '../loaded-config.js';
import { maskSecrets } from '../../base/logging/mask-secrets.js';

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
  /** Variables of the environment that have set options, by the option: `servers`. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What is loaded, from where, with which options. */
export function describePlugins(config: LoadedConfig): PluginDescription[] {
  const described = config.plugins.map((plugin): PluginDescription => ({
    name: plugin.name,
    version: plugin.version ?? null,
    resolvedFrom: plugin.resolvedFrom ?? 'bundled',
    roles: plugin.roles,
    serverSections: (plugin.definition.serverParts ?? []).flatMap((part) => part.sections),
    options: maskSecrets(plugin.writtenOptions ?? {}),
    environment: variablesBelow(`${plugin.keyPath}[1]`, config),
  }));
  const servers = config.serverParts.filter((part) => !config.plugins.some((plugin) => plugin.name === part.plugin));
  return [
    ...described,
    ...servers.map((part): PluginDescription => ({
      name: part.plugin,
      version: null,
      resolvedFrom: 'bundled',
      roles: [],
      serverSections: part.sections,
      options: maskSecrets(part.options),
      environment: variablesBelow('server', config),
    })),
  ];
}

/** `options` for all of them at once. */
function variablesBelow(keyPath: string, { environment }: LoadedConfig): Record<string, string> {
  const below = Object.entries(environment).filter(
    ([path]) => path === keyPath || (/^[.[]/.test(path.slice(keyPath.length)) && path.startsWith(keyPath)),
  );
  return Object.fromEntries(
    below.map(([path, variable]) => [path.slice(keyPath.length).replace(/^\./, '') || 'options', variable]),
  );
}
