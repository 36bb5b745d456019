import { constants } from 'node:fs';
import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf } from '../../base/errors/reason-of.js';
import { distrustOfFile, distrustOfFolders, trustedOwners } from '../../base/rights/file-trust.js';

export type StateReading =
  | { readonly text: string }
  /** There is none yet. */
  | { readonly missing: true }
  /** Why it is not read, a clause; `isDenied`: the place is not ours. */
  | { readonly problem: string; readonly isDenied?: boolean };

const { O_RDONLY, O_NOFOLLOW, O_WRONLY, O_CREAT, O_EXCL } = constants;

/** Reads a file that decides to whom we send: one that others may change is not believed. Never throws. */
export async function readState(path: string, maxBytes: number): Promise<StateReading> {
  try {
    await using file = await open(path, O_RDONLY | O_NOFOLLOW);
    const stats = await file.stat();
    const owners = trustedOwners();
    const distrust = distrustOfFile(path, stats, owners) ?? (await distrustOfFolders(path, owners));
    if (distrust !== undefined) return { problem: `${distrust.found}: ${distrust.suggestion}` };
    if (!stats.isFile()) return { problem: `${path} is no file` };
    if (stats.size > maxBytes) return { problem: `${path} is longer than ${maxBytes} bytes` };
    return { text: await file.readFile('utf8') };
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (isMissing) return { missing: true };
    return { problem: `${path} cannot be read: ${reasonOf(error)}`, ...(isDenied(error) && { isDenied: true }) };
  }
}

/**
 * Writes it for its owner alone, beside the old one and then in its place: a reader finds the one or the other, whole.
 * @throws the system's error.
 */
export async function writeState(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.new`;
  // Of a run that was killed as it wrote.
  await unlink(beside).catch(() => undefined);
  {
    await using file = await open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    await file.writeFile(text);
    await file.sync();
  }
  await rename(beside, path);
}

/** Whether the system says that there is no writing, or no looking, in that place. */
export function isDenied(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException;
  return ['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR'].includes(code);
}
