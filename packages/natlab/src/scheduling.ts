import { spawnSync } from 'node:child_process';

let prefix: readonly string[] | undefined;

/**
 * What to put before a command so that it runs ahead of all other work of this machine: timings then tell of the daemon,
 * not of its neighbours. Nothing where that is not permitted.
 */
export function aheadOfOthers(): readonly string[] {
  // Niceness would do nothing: the kernel's autogroups weigh whole sessions against each other.
  const command = ['chrt', '--rr', '1'];
  prefix ??= spawnSync('chrt', [...command.slice(1), 'true']).status === 0 ? command : [];
  return prefix;
}
