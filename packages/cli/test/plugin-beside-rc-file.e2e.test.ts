import { formatKey, generatePrivateKey } from '@wirepath/core';
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../bin/wirepath.js', import.meta.url));
const packageFolder = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

let folder: string;
let rcFile: string;
const env = (): NodeJS.ProcessEnv => ({ ...process.env, XDG_RUNTIME_DIR: folder });

/**
 * An rc file whose plugins are installed in its own folder, as a user's are: they bring a copy of core that the command
 * does not share.
 */
async function writeNode(listenPort: number): Promise<void> {
  await writeFile(join(folder, 'a.key'), `${formatKey(generatePrivateKey())}\n`, { mode: 0o600 });
  const plugins = [
    ['@wirepath/source-host', { loopback: true, interfaces: { include: ['lo*'] } }],
    ['@wirepath/transport-wg', { tun: false, listenPort }],
  ];
  const rc = { privateKeyFile: './a.key', interface: 'wpa', addresses: ['10.77.0.1/24'], plugins, peers: [] };
  await writeFile(rcFile, JSON.stringify(rc), { mode: 0o600 });
}

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'wirepath-beside-')));
  rcFile = join(folder, 'a.json');
  await mkdir(join(folder, 'node_modules', '@wirepath'), { recursive: true });
  for (const name of ['source-host', 'transport-wg']) {
    await symlink(packageFolder(name), join(folder, 'node_modules', '@wirepath', name));
  }
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const run = (...args: string[]) => spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8', env: env() });

describe('plugins that are installed beside the rc file', () => {
  it('are the ones that are loaded', async () => {
    await writeNode(0);
    const { stdout } = run('plugins', '--json', '--config', rcFile);
    const { plugins } = JSON.parse(stdout) as { plugins: { name: string; resolvedFrom: string | null }[] };
    expect(plugins.map(({ name, resolvedFrom }) => [name, resolvedFrom])).toEqual(
      ['source-host', 'transport-wg'].map((name) => [
        `@wirepath/${name}`,
        join(packageFolder(name), 'dist', 'index.js'),
      ]),
    );
  });

  it('make a node that runs and stops in order', async () => {
    await writeNode(0);
    const child = spawn(process.execPath, [BIN, 'up', '--config', rcFile], { env: env() });
    let out = '';
    child.stdout.on('data', (text) => (out += String(text)));
    const exit = once(child, 'exit');
    await expect.poll(() => out, { timeout: 15_000, interval: 50 }).toContain('node is up');
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
  });

  it('raise errors that keep their code and advice, though their class is another', async () => {
    const holder = createSocket('udp4').bind(0, '0.0.0.0');
    await once(holder, 'listening');
    await writeNode(holder.address().port);
    const { status, stdout, stderr } = run('up', '--config', rcFile);
    holder.close();
    expect(status).toBe(1);
    expect(stdout).toContain('"code":"ADDRESS_IN_USE"');
    expect(stderr).toMatch(/^wirepath: [^\n]*in use[^\n]*choose another `listenPort`[^\n]*\n$/);
  });
});
