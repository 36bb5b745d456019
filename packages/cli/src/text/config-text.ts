import { printable } from '@wirepath/core/plugin';
import type { LoadedConfig } from '@wirepath/core';

/** `check-config` when all is well: what this file would run. */
export function formatConfigSummary({ file, node, plugins, serverParts }: LoadedConfig): string {
  const lines = [`${printable(file)}: OK`];
  if (node !== undefined) {
    const { settings, peers, identity } = node;
    lines.push(`  node     ${settings.interfaceName} ${settings.addresses.join(', ')}, ${identity.publicKey}`);
    lines.push(`  peers    ${peers.length === 0 ? 'none' : peers.map(({ name }) => name).join(', ')}`);
    lines.push(`  plugins  ${plugins.map(({ name }) => name).join(', ')}`);
  }
  if (serverParts.length > 0) lines.push(`  server   ${serverParts.flatMap(({ sections }) => sections).join(', ')}`);
  return `${lines.map((line) => printable(line, Infinity)).join('\n')}\n`;
}
