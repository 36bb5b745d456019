import { lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { distrustOfPath } from '../../../src/base/rights/path-trust.js';
import { lstatOf } from '../../../src/base/rights/stat-of.js';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'wirepath-stat-')));
  for (const name of ['one', 'two', 'three']) {
    mkdirSync(join(folder, 'real', name), { recursive: true });
    writeFileSync(join(folder, 'real', name, 'index.cjs'), 'module.exports = __filename;');
  }
  symlinkSync(join(folder, 'real'), join(folder, 'link'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Where Node finds a module behind the link. */
const found = (name: string) => createRequire(import.meta.url)(join(folder, 'link', name, 'index.cjs')) as string;

it.each([
  ['lstatOf', (path: string) => void lstatOf(path)],
  ['distrustOfPath', (path: string) => void distrustOfPath(path, { uids: new Set([0, process.getuid?.() ?? 0]) })],
])('after %s of a socket, modules are still found where their links lead', async (_name, look) => {
  const socket = join(folder, 's');
  const server = createServer().listen(socket);
  await once(server, 'listening');
  try {
    // The first look-up has the folder remembered, which is when Node takes the short way.
    expect(found('one')).toBe(join(folder, 'real', 'one', 'index.cjs'));
    look(socket);
    expect(found('two')).toBe(join(folder, 'real', 'two', 'index.cjs'));
  } finally {
    server.close();
  }
});

it('says what lstat says', () => {
  expect(lstatOf(join(folder, 'link')).isSymbolicLink()).toBe(true);
  expect(lstatOf(folder).ino).toBe(lstatSync(folder).ino);
  expect(() => lstatOf(join(folder, 'none'))).toThrow('ENOENT');
});
