import type { Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ConfigFiles } from '../../contracts/plugin/needs.js';
import { CodedError, type ErrorDetails } from '../../base/errors/coded-error.js';
import type { RightsChange } from '../../base/errors/rights-change.js';
import { deniedPath, isDenied } from '../../base/rights/denial.js';
import {
  distrustOfFile,
  distrustOfFolders,
  isReadableByOthers,
  rightsCure,
  type Distrust,
  type TrustedOwners,
} from '../../base/rights/file-trust.js';

/** A key takes 45 bytes, a certificate's key a few thousand. */
const MAX_SECRET_BYTES = 65_536;
/** A million public keys, with room for comments. */
const MAX_TRUSTED_BYTES = 64 * 1024 * 1024;

export interface ConfigFilesOptions {
  readonly folder: string;
  readonly owners: TrustedOwners | undefined;
  /** Called where a secret may be read by others. */
  readonly onWarning: (message: string, rights: RightsChange) => void;
}

/** {@link ConfigFiles} for a folder. */
export function createConfigFiles({ folder, owners, onWarning }: ConfigFilesOptions): ConfigFiles {
  return Object.freeze({
    resolve: (path: string) => resolve(folder, path),
    async readSecret(path: string): Promise<string> {
      const file = resolve(folder, path);
      const { text, stats } = await readOwned(file, owners, MAX_SECRET_BYTES, { isSecret: true });
      if (isReadableByOthers(stats, owners)) {
        const { suggestion, rights } = rightsCure({ command: 'chmod go-r', path: file });
        onWarning(`${file} is readable by others; ${suggestion}`, rights);
      }
      return text.trim();
    },
    async readTrusted(path: string): Promise<string> {
      const file = resolve(folder, path);
      const { text } = await readOwned(file, owners, MAX_TRUSTED_BYTES);
      const distrust = await distrustOfFolders(file, owners);
      if (distrust !== undefined) throw unfit(file, `${file}: ${distrust.found}`, cureOf(distrust));
      return text;
    },
  });
}

/** Text of a file that nobody else may write. */
async function readOwned(
  file: string,
  owners: TrustedOwners | undefined,
  maxBytes: number,
  { isSecret = false } = {},
): Promise<{ text: string; stats: Stats }> {
  let handle;
  try {
    handle = await open(file, 'r');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const advice = isDenied(code) ? { advice: deniedPath(file, code, 'read').advice } : {};
    throw unfit(file, `${file}: ${openFailure(cause, file)}`, { cause, ...advice });
  }
  try {
    // Of the open file, so that what is checked is what is read.
    const stats = await handle.stat();
    if (stats.isDirectory()) throw unfit(file, `${file}: it is a folder`);
    if (stats.size > maxBytes) throw unfit(file, `${file}: larger than ${maxBytes} bytes`);
    const distrust = distrustOfFile(file, stats, owners, { isSecret });
    if (distrust !== undefined) throw unfit(file, distrust.found, cureOf(distrust));
    return { text: await handle.readFile('utf8'), stats };
  } finally {
    await handle.close();
  }
}

function cureOf({ suggestion, rights }: Distrust): ErrorDetails {
  return { advice: suggestion, rights };
}

function unfit(file: string, message: string, details: ErrorDetails = {}): CodedError {
  return new CodedError('CONFIG', message, { subject: file, ...details });
}

/** Why a file could not be opened for reading, in words. */
export function openFailure(cause: unknown, path: string): string {
  const code = (cause as { code?: string }).code;
  if (code === 'ENOENT') return 'there is no such file';
  if (isDenied(code)) return `no permission to read it: ${deniedPath(path, code, 'read').reason}`;
  if (code === 'ENOTDIR') return 'a part of its path is not a folder';
  return `cannot be read (${code ?? 'unknown error'})`;
}
