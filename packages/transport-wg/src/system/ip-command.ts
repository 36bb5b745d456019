import { spawn } from 'node:child_process';
import { CodedError } from '@wirepath/core/plugin';
import { startFailure, systemProgram, type SystemProgram } from './system-program.js';

/** One line of a batch that `ip` refused. */
export interface IpFailure {
  readonly command: string;
  /** What the kernel answered: `RTNETLINK answers: File exists`. */
  readonly reason: string;
}

/** Address family flag of `ip`; 0 leaves it to the arguments. */
export type IpFamily = 0 | 4 | 6;

/** Runs `ip` of iproute2; tests hand in a stub. */
export interface IpCommand {
  /**
   * All lines in one process. A line that fails does not stop the others.
   * @throws CodedError NETWORK_CONFIG where iproute2 is missing.
   */
  batch(family: IpFamily, commands: readonly string[]): Promise<IpFailure[]>;
  /** The parsed output of `ip -json ...`; undefined where the command fails. */
  query(args: readonly string[]): Promise<unknown>;
}

export const iproute2: IpCommand = {
  async batch(family, commands) {
    if (commands.length === 0) return [];
    const flags = family === 0 ? [] : [`-${family}`];
    const { stderr } = await run([...flags, '-force', '-batch', '-'], `${commands.join('\n')}\n`);
    return failuresOf(stderr, commands);
  },
  async query(args) {
    const { stdout, exitCode } = await run(['-json', ...args], '');
    if (exitCode !== 0) return undefined;
    try {
      return JSON.parse(stdout === '' ? '[]' : stdout) as unknown;
    } catch {
      return undefined; // An iproute2 without JSON output.
    }
  },
};

/** A sentence of `ip`; it goes into logs and status. */
const MAX_REASON_LENGTH = 300;

/** `ip -force -batch` prints the reason, then `Command failed -:3`, for each line that fails. */
export function failuresOf(stderr: string, commands: readonly string[]): IpFailure[] {
  const failures: IpFailure[] = [];
  let reasons: string[] = [];
  for (const line of stderr.split('\n')) {
    const failed = /^Command failed -:(\d+)$/.exec(line);
    if (!failed) {
      if (line !== '') reasons.push(line);
      continue;
    }
    failures.push({
      command: commands[Number(failed[1]) - 1] ?? '',
      reason: reasons.join('; ').slice(0, MAX_REASON_LENGTH),
    });
    reasons = [];
  }
  return failures;
}

function run(
  args: readonly string[],
  input: string,
): Promise<{ stdout: string; stderr: string; exitCode: number | null }> {
  return new Promise((resolve, reject) => {
    const { file, ...environment } = ipProgram();
    const child = spawn(file, args, { ...environment, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    // `ip` may end before it has read everything; its exit code and stderr say what happened.
    child.stdin.on('error', () => undefined);
    child.on('error', (cause) => reject(startFailure(file, cause)));
    child.on('close', (exitCode) => resolve({ stdout, stderr, exitCode }));
    child.stdin.end(input);
  });
}

/** @throws CodedError NETWORK_CONFIG where iproute2 is missing. */
function ipProgram(): SystemProgram {
  try {
    return systemProgram('ip');
  } catch (cause) {
    // An administrator who put it elsewhere learns why it was passed over; others, what to install.
    const elsewhere = cause instanceof CodedError && cause.advice.includes('passed over') ? ` ${cause.advice}` : '';
    throw new CodedError('NETWORK_CONFIG', 'the command `ip` is not installed', {
      advice: `Install iproute2 (Debian: \`apt-get install iproute2\`), or set \`tun: false\`.${elsewhere}`,
      cause,
    });
  }
}
