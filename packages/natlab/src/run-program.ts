import { spawn } from 'node:child_process';
import { favourSession } from './scheduling.js';

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Written to its stdin. */
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Killed after this long. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end, whatever its exit code. */
export function tryProgram(command: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      // A session of its own is what the kernel weighs against the machine's other work.
      detached: true,
      ...(options.env && { env: options.env }),
      ...(options.timeoutMs !== undefined && { timeout: options.timeoutMs, killSignal: 'SIGKILL' as const }),
    });
    favourSession(child.pid);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    // A program that ends without reading its input is judged by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** @returns its stdout. @throws Error with its stderr when it fails. */
export async function runProgram(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryProgram(command, options);
  if (code !== 0) throw new Error(`${command.join(' ')} failed (${code}): ${stderr.trim() || stdout.trim()}`);
  return stdout;
}
