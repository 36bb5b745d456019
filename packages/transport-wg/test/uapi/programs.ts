import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Why tests with these programs can't run here, or undefined. */
export function lacking(...programs: string[]): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  const missing = programs.filter((program) => !installed(program));
  return missing.length === 0 ? undefined : `${missing.join(' and ')} not installed`;
}

function installed(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      // Not in this folder: the next one may have it.
      return false;
    }
  });
}

/**
 * Runs to the end.
 * @param stdin through a pipe: Node gives its children sockets, which cannot be opened as /dev/stdin.
 * @throws with its stderr when it fails.
 */
export function run(program: string, args: string[], stdin?: string): Promise<string> {
  const command = stdin === undefined ? [program, ...args] : ['sh', '-c', 'cat | "$@"', 'sh', program, ...args];
  return new Promise((resolve, reject) => {
    const child = execFile(command[0]!, command.slice(1), { timeout: 10_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')}: ${stderr.trim()}`, { cause: error }));
      else resolve(stdout);
    });
    child.stdin?.end(stdin);
  });
}

let last = 0;

/** A name no other run has: /var/run/wireguard is shared by all network namespaces. */
export function uniqueInterface(): string {
  last += 1;
  return `wp${process.pid.toString(36)}x${last}`;
}

/** Polls until `condition` holds. @throws after `timeoutMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not in ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
