import type { PluginDescription } from '@wirepath/core';
import type { Palette } from './palette.js';
import { formatTable } from './table.js';

export function formatPlugins(plugins: readonly PluginDescription[], { heading, strong }: Palette): string {
  if (plugins.length === 0) return 'No plugins are loaded.\n';
  const rows = plugins.map(({ name, version, resolvedFrom, roles, serverSections, options, environment }) => [
    { text: name, style: strong },
    version ?? '-',
    [...roles, ...serverSections.map((section) => `server.${section}`)].join(', '),
    `${options === undefined ? '-' : JSON.stringify(options)}${fromEnvironment(environment)}`,
    resolvedFrom,
  ]);
  return formatTable(['PLUGIN', 'VERSION', 'PROVIDES', 'OPTIONS', 'FROM'], rows, { headingStyle: heading });
}

/** ` (servers: WIREPATH_PLUGINS__SOURCE_STUN__SERVERS)`: what the file does not say. */
function fromEnvironment(environment: PluginDescription['environment']): string {
  const lines = Object.entries(environment).map(([option, variable]) => `${option} from ${variable}`);
  return lines.length === 0 ? '' : ` (${lines.join(', ')})`;
}
