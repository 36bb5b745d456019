import { isDeepStrictEqual } from 'node:util';
import type { LoadedConfig, LoadedPlugin } from '../assembly/loaded-config.js';

/**
 * What an rc file that was read again says otherwise than the one that the node runs on, its peers apart: none of it is taken
 * without a restart. Names, never values, for some are secrets.
 */
export function needsRestart(running: LoadedConfig, read: LoadedConfig): string[] {
  const [before, after] = [running.node, read.node];
  if (before === undefined || after === undefined) return [];
  const settings = [
    ['privateKeyFile', before.identity.publicKey, after.identity.publicKey],
    ['interface', before.settings.interfaceName, after.settings.interfaceName],
    ['addresses', before.settings.addresses, after.settings.addresses],
    ['mtu', before.settings.mtu, after.settings.mtu],
    ['traversal', before.traversal, after.traversal],
    ['log', running.log, read.log],
  ] as const;
  const changed = settings.filter(([, old, now]) => !isDeepStrictEqual(old, now)).map(([key]) => `${key} has changed`);
  return [...changed, ...pluginChanges(running.plugins, read.plugins)];
}

function pluginChanges(before: readonly LoadedPlugin[], after: readonly LoadedPlugin[]): string[] {
  const old = new Map(before.map((plugin) => [plugin.name, plugin]));
  const now = new Map(after.map((plugin) => [plugin.name, plugin]));
  const lines: string[] = [];
  for (const [name, plugin] of now) {
    const known = old.get(name);
    if (known === undefined) lines.push(`the plugin ${name} is new`);
    else if (!isDeepStrictEqual(known.options, plugin.options))
      lines.push(`options of the plugin ${name} have changed`);
  }
  for (const name of old.keys()) if (!now.has(name)) lines.push(`the plugin ${name} is gone`);
  return lines;
}
