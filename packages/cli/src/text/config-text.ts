import { printable } from '@wirepath/core/plugin';
import type { LoadedConfig } from '@wirepath/core';

/** Names in the summary: of thousands, the first say enough. */
const NAMES_SHOWN = 50;

/** `check-config` when all is well: what this file would run. */
export function formatConfigSummary({ source, node, plugins, serverParts }: LoadedConfig): string {
  const lines = [`${printable(source)}: OK`];
  if (node !== undefined) {
    const { settings, peers, identity } = node;
    lines.push(`  node     ${settings.interfaceName} ${settings.addresses.join(', ')}, ${identity.publicKey}`);
    lines.push(`  peers    ${namesOf(peers)}`);
    lines.push(`  plugins  ${plugins.map(({ name }) => name).join(', ')}`);
  }
  if (serverParts.length > 0) lines.push(`  server   ${serverParts.flatMap(({ sections }) => sections).join(', ')}`);
  return `${lines.map((line) => printable(line, Infinity)).join('\n')}\n`;
}

function namesOf(peers: readonly { readonly name: string }[]): string {
  if (peers.length === 0) return 'none';
  const names = peers.slice(0, NAMES_SHOWN).map(({ name }) => name);
  const more = peers.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
