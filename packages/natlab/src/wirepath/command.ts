import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The built `wirepath` command of this workspace. */
export const WIREPATH = join(
  dirname(createRequire(import.meta.url).resolve('@wirepath/cli/package.json')),
  'bin',
  'wirepath.js',
);

export function wirepath(...args: readonly string[]): string[] {
  return [process.execPath, WIREPATH, ...args];
}
