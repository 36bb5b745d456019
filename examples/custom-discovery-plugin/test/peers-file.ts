import type { ConfigFiles } from '@wirepath/core/plugin';
import { appendFileSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A copy of peers.txt that a test may change. */
export function peersFile(): ConfigFiles & { append(this: void): void; remove(this: void): void } {
  const folder = mkdtempSync(join(tmpdir(), 'peers-file-'));
  const path = join(folder, 'peers.txt');
  copyFileSync(new URL('../peers.txt', import.meta.url), path);
  return {
    resolve: () => path,
    readSecret: async () => '',
    readTrusted: async () => '',
    append: () => appendFileSync(path, 'd gI6EdUSYvn8ugXOt8QQD6Yc+JyiZxIhp3GInSWRfWGo= 10.77.0.4/32\n'),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
