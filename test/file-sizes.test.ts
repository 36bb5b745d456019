import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './house/imports.js';

/** A file is one idea; past this it is two. */
const MAX_LINES = 400;
/** More at the top of one folder of core, and it has rooms that are not built. */
const MAX_FILES = 12;

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /\.(ts|[cm]?js)$/.test(file) && existsSync(join(ROOT, file)));

describe('the size of things', () => {
  it(`no file has more than ${MAX_LINES} lines`, () => {
    const lines = (file: string) => readFileSync(join(ROOT, file), 'utf8').split('\n').length - 1;
    expect(files.filter((file) => lines(file) > MAX_LINES)).toEqual([]);
  });

  it(`no folder of core has more than ${MAX_FILES} files at its top`, () => {
    const counts = new Map<string, number>();
    for (const file of files.filter((one) => one.startsWith('packages/core/src/'))) {
      const folder = file.slice(0, file.lastIndexOf('/'));
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
    expect([...counts].filter(([, count]) => count > MAX_FILES)).toEqual([]);
  });
});
