import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Programs of Debian's iproute2, nftables, conntrack and iputils-ping. */
const PROGRAMS = ['ip', 'nft', 'conntrack', 'ping'] as const;

/** @returns what this machine lacks for a lab, in one line; undefined when nothing. */
export function missingForLab(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  const lacking = PROGRAMS.filter((program) => !hasProgram(program));
  if (lacking.length > 0) return `needs ${lacking.join(', ')}`;
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  if (spawnSync('unshare', ['--net', 'true']).status !== 0) return 'needs the right to make network namespaces';
  return undefined;
}

export function hasProgram(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(`${folder}/${program}`));
}
