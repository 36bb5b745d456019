import type { PluginDescription } from '@wirepath/core';
import type { Palette } from './palette.js';
import { formatTable } from './table.js';

export function formatPlugins(plugins: readonly PluginDescription[], { heading, strong }: Palette): string {
  if (plugins.length === 0) return 'No plugins are loaded.\n';
  const rows = plugins.map(({ name, version, resolvedFrom, roles, serverSections, options }) => [
    { text: name, style: strong },
    version ?? '-',
    [...roles, ...serverSections.map((section) => `server.${section}`)].join(', '),
    options === undefined ? '-' : JSON.stringify(options),
    resolvedFrom,
  ]);
  return formatTable(['PLUGIN', 'VERSION', 'PROVIDES', 'OPTIONS', 'FROM'], rows, { headingStyle: heading });
}
