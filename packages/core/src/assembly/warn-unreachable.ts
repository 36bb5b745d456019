import type { LoadedPeer } from '../rc-file/loaded-peer.js';
import type { ProblemList } from '../rc-file/problems/problem-list.js';
import type { LoadedPlugin } from './loaded-config.js';

/** Names in one line. */
const NAMES_TOLD = 5;

/**
 * Peers that nothing leads to: without an `endpoint`, on a node that has no signalling to find them by, or has it turned off.
 * They may still call us, where they have an endpoint for this node; so it is a warning.
 */
export function warnUnreachable(
  peers: readonly LoadedPeer[],
  plugins: readonly LoadedPlugin[],
  { enabled, problems }: { readonly enabled: boolean; readonly problems: ProblemList },
): void {
  const isFound = enabled && plugins.some(({ roles }) => roles.includes('signaling'));
  const lost = isFound ? [] : peers.filter(({ endpoint }) => endpoint === undefined);
  if (lost.length === 0) return;
  const names = lost.slice(0, NAMES_TOLD).map(({ name }) => name);
  const more = lost.length > names.length ? ` and ${lost.length - names.length} more` : '';
  const why = enabled ? 'no plugin provides signalling' : 'traversal.enabled is false';
  const cure = enabled ? 'add a signalling plugin to plugins' : 'turn traversal on';
  problems.warn(
    ['peers'],
    `${names.join(', ')}${more}: no endpoint, and ${why}, so this node cannot call them: give each an endpoint, or ${cure}`,
  );
}
