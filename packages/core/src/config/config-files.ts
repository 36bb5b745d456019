import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ConfigFiles } from '../contracts/plugin.js';
import { CodedError } from '../errors/coded-error.js';
import { deniedPath, isDenied } from '../rights/denial.js';
import { distrustOfFile, isReadableByOthers, type TrustedOwners } from './file-trust.js';

/** A key takes 45 bytes, a certificate's key a few thousand. */
const MAX_SECRET_BYTES = 65_536;

export interface ConfigFilesOptions {
  readonly folder: string;
  readonly owners: TrustedOwners | undefined;
  /** Called where a secret may be read by others. */
  readonly onWarning: (message: string, path: string) => void;
}

/** {@link ConfigFiles} for a folder. */
export function createConfigFiles({ folder, owners, onWarning }: ConfigFilesOptions): ConfigFiles {
  return Object.freeze({
    resolve: (path: string) => resolve(folder, path),
    async readSecret(path: string): Promise<string> {
      const file = resolve(folder, path);
      const fail = (message: string, cause?: unknown, advice?: string) =>
        new CodedError('CONFIG', message, { subject: file, cause, ...(advice === undefined ? {} : { advice }) });
      let handle;
      try {
        handle = await open(file, 'r');
      } catch (cause) {
        const code = (cause as NodeJS.ErrnoException).code;
        throw isDenied(code)
          ? fail(`${file}: ${openFailure(cause, file)}`, cause, deniedPath(file, code, 'read').advice)
          : fail(`${file}: ${openFailure(cause, file)}`, cause);
      }
      try {
        // Of the open file, so that what is checked is what is read.
        const stats = await handle.stat();
        if (stats.isDirectory()) throw fail(`${file}: it is a folder`);
        if (stats.size > MAX_SECRET_BYTES) throw fail(`${file}: too large for a secret`);
        const distrust = distrustOfFile(file, stats, owners);
        if (distrust !== undefined) throw fail(distrust.found, undefined, distrust.suggestion);
        if (isReadableByOthers(stats, owners))
          onWarning(`${file} is readable by others; run: chmod go-r ${file}`, file);
        return (await handle.readFile('utf8')).trim();
      } finally {
        await handle.close();
      }
    },
  });
}

/** Why a file could not be opened for reading, in words. */
export function openFailure(cause: unknown, path: string): string {
  const code = (cause as { code?: string }).code;
  if (code === 'ENOENT') return 'there is no such file';
  if (isDenied(code)) return `no permission to read it: ${deniedPath(path, code, 'read').reason}`;
  if (code === 'ENOTDIR') return 'a part of its path is not a folder';
  return `cannot be read (${code ?? 'unknown error'})`;
}
