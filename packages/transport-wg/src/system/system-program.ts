import { CodedError, deniedPath, distrustOfPath, isDenied, trustedOwners } from '@wirepath/core/plugin';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Where systems keep theirs: whoever can write here is root already. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export interface SystemProgram {
  /** Absolute. */
  readonly file: string;
  /** All of its environment, and of what it runs: nothing of ours that loads code (NODE_OPTIONS, LD_PRELOAD) is among it. */
  readonly env: Readonly<Record<string, string>>;
  /** Its working directory; nothing is looked up relative to it. */
  readonly cwd: '/';
}

/**
 * Finds a program for us to run, in the absolute folders of PATH and then in the system's own. An empty or relative element of
 * PATH means the folder that we happen to be in, and is passed over; so is a folder or program that anybody but root and we
 * could have put there.
 * @param name without a slash, or an absolute path, which is taken at its word.
 * @throws CodedError NETWORK_CONFIG with what was passed over, and why.
 */
export function systemProgram(name: string, path: string | undefined = process.env['PATH']): SystemProgram {
  const folders = [...new Set([...(path ?? '').split(delimiter).filter(isAbsolute), ...SYSTEM_FOLDERS])];
  const trusted = folders.filter((folder) => SYSTEM_FOLDERS.includes(folder) || isClosed(folder));
  const programOf = (file: string): SystemProgram => ({
    file,
    env: { PATH: trusted.join(delimiter), LC_ALL: 'C' },
    cwd: '/',
  });
  if (isAbsolute(name)) return programOf(name);
  if (name.includes('/')) {
    throw new CodedError('CONFIG', `not a program's name or absolute path: ${name}`, {
      subject: name,
      advice: 'Write where it is from the root on (/usr/local/bin/...): the folder that we run in may be anybody’s.',
    });
  }
  for (const folder of trusted) {
    const file = join(folder, name);
    if (isProgram(file) && distrustOf(file) === undefined) return programOf(file);
  }
  throw new CodedError('NETWORK_CONFIG', `the command \`${name}\` was not found`, {
    subject: name,
    advice: passedOver(name, folders) ?? 'Install it, or put its folder into PATH.',
  });
}

/** The error of a program that was found and did not start. */
export function startFailure(file: string, cause: unknown): CodedError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  const what = `\`${file}\` cannot be run`;
  if (code === 'ENOENT') return new CodedError('NETWORK_CONFIG', `${what}: it is not there`, { subject: file, cause });
  if (!isDenied(code)) return new CodedError('NETWORK_CONFIG', what, { subject: file, cause });
  const { reason, advice } = deniedPath(file, code, 'read');
  return new CodedError('PERMISSION_DENIED', `${what}: ${reason}`, { subject: file, advice, cause });
}

/** Where it is, but not for us to run. */
function passedOver(name: string, folders: readonly string[]): string | undefined {
  for (const folder of folders) {
    const file = join(folder, name);
    if (!isProgram(file)) continue;
    const distrust = distrustOf(file);
    if (distrust !== undefined) return `${file} was passed over: ${distrust}.`;
  }
  return undefined;
}

/** Whether only root and we can put anything there: sticky folders, where others can add, are none. */
function isClosed(folder: string): boolean {
  return distrustOf(folder) === undefined && (statSync(folder).mode & 0o022) === 0;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Not there, or not for us.
    return false;
  }
}

function distrustOf(path: string): string | undefined {
  try {
    return distrustOfPath(path, trustedOwners({}))?.found;
  } catch {
    // What cannot be looked at is not run.
    return `${path} cannot be looked at`;
  }
}
