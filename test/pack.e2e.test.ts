import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { ROOT } from './house/imports.js';

const exec = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'packed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Nothing of this workspace: its own home, and a registry that is not there. */
const env = {
  PATH: process.env['PATH'],
  HOME: folder,
  npm_config_registry: 'http://127.0.0.1:9/',
  npm_config_prefix: join(folder, 'global'),
  npm_config_cache: join(folder, 'cache'),
};

it('is installed from one file without a registry, and works', async () => {
  const script = `import(${JSON.stringify(new URL('../scripts/pack.mjs', import.meta.url).href)}).then(({ pack }) => pack(${JSON.stringify(folder)})).then((file) => console.log('packed ' + file))`;
  const { stdout } = await exec(process.execPath, ['--input-type=module', '--eval', script], { cwd: ROOT });
  const file = /^packed (.*)$/m.exec(stdout)?.[1] ?? '';
  // npm leaves links out when it unpacks, hard ones too.
  const { stdout: contents } = await exec('tar', ['-tvzf', file], { maxBuffer: 1e8 });
  expect(contents.split('\n').filter((line) => /^[hl]/.test(line) && !line.includes('/.bin/'))).toEqual([]);
  await exec('npm', ['install', '--global', '--no-audit', '--no-fund', file], { cwd: folder, env });
  const wirepath = (...args: string[]) => exec(join(folder, 'global/bin/wirepath'), args, { cwd: folder, env });
  const { version } = JSON.parse(
    readFileSync(fileURLToPath(new URL('../packages/cli/package.json', import.meta.url)), 'utf8'),
  ) as { version: string };
  expect((await wirepath('--version')).stdout).toBe(`${version}\n`);
  expect((await wirepath('genkey')).stdout).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
  // Every plugin that comes with it, native modules included, and two nodes that connect.
  const demo = await wirepath('demo', '--json');
  expect(JSON.stringify(JSON.parse(demo.stdout))).toContain('relayed');
}, 240_000);
