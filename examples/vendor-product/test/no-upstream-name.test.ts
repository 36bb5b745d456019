import type { Terminal } from '@wirepath/cli';
import { controlSocketPath, findConfig, loadConfig } from '@wirepath/core';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acmenet, command } from '../src/index.js';

const UPSTREAM = /wire-?path/i;

const COMMANDS = [
  'up',
  'serve',
  'status',
  'ping',
  'explain',
  'netcheck',
  'genkey',
  'pubkey',
  'check-config',
  'plugins',
];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acme-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function run(args: readonly string[], env: Record<string, string> = {}, stdin = '') {
  const text = { out: '', err: '' };
  const output = (name: 'out' | 'err') => ({
    isTty: false,
    colors: false,
    write: (more: string) => void (text[name] += more),
  });
  const terminal: Terminal = {
    env: { XDG_RUNTIME_DIR: folder, ...env },
    cwd: folder,
    stdin: Readable.from([Buffer.from(stdin)]),
    out: output('out'),
    err: output('err'),
  };
  const exitCode = await command(terminal)(['node', 'acmenet', ...args]);
  return { exitCode, ...text, all: text.out + text.err };
}

async function rcFile(name: string, yaml: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, yaml, { mode: 0o600 });
  return file;
}

const NODE = `
privateKey: ${Buffer.alloc(32, 1).toString('base64')}
addresses: [10.77.0.1/24]
`;

describe('a product under its own name', () => {
  it('names itself in every help text, and nobody else', async () => {
    for (const args of [['--help'], ...COMMANDS.map((name) => [name, '--help'])]) {
      const { exitCode, all } = await run(args);
      expect({ args, exitCode }).toEqual({ args, exitCode: 0 });
      expect(all).toContain('acmenet');
      expect(all).not.toMatch(UPSTREAM);
    }
  });

  it.each([
    ['no command', []],
    ['an unknown command', ['conect']],
    ['an unknown option', ['status', '--jsn']],
    ['no rc file', ['check-config']],
    ['a missing rc file', ['up', '--config', 'nowhere.yaml']],
    ['no running node', ['status', '--config', 'node.yaml']],
    ['no running node, as JSON', ['status', '--config', 'node.yaml', '--json']],
    ['no server in the file', ['serve', '--config', 'node.yaml']],
    ['a file full of faults', ['check-config', '--config', 'faulty.yaml']],
    ['a peer of a node that does not run', ['explain', 'b', '--config', 'node.yaml']],
  ])('an error names nobody else: %s', async (_case, args) => {
    await rcFile('node.yaml', NODE);
    await rcFile(
      'faulty.yaml',
      `${NODE}
adresses: []
mtu: 12
peers: [{ name: b, publicKey: short }]
plugins: ["@acmenet/tunel", ["@acmenet/addresses", { loopbak: true }], ["@acmenet/rendezvous", { url: "http://x" }]]
log: { level: loud }
server: { rendezvous: { lisen: "1.2.3.4:70000" }, stun: {} }
`,
    );
    const { exitCode, all } = await run(args);
    expect(exitCode).not.toBe(0);
    expect(all).toContain('acmenet');
    expect(all).not.toMatch(UPSTREAM);
  });

  it.each([
    ['the JSON Schema', ['check-config', '--schema']],
    ['a good configuration', ['check-config', '--config', 'node.yaml']],
    ['the list of plugins', ['plugins', '--config', 'node.yaml']],
    ['the list of plugins as JSON', ['plugins', '--config', 'node.yaml', '--json']],
    ['a new key', ['genkey']],
    ['the version', ['--version']],
  ])('output names nobody else: %s', async (_case, args) => {
    await rcFile('node.yaml', NODE);
    const { exitCode, all } = await run(args);
    expect({ exitCode, all }).toMatchObject({ exitCode: 0 });
    expect(all).not.toMatch(UPSTREAM);
  });

  it('is configured by rc files and variables of its own name', async () => {
    expect(await findConfig(acmenet, { cwd: folder })).toBeUndefined();
    const file = await rcFile('.acmenetrc', NODE);
    expect(await findConfig(acmenet, { cwd: folder })).toBe(file);
    const env = { ACMENET_MTU: '1280', WIREPATH_MTU: '9000' };
    expect((await loadConfig(acmenet, { configPath: file, env })).node?.settings).toMatchObject({
      mtu: 1280,
      interfaceName: expect.not.stringMatching(/^wp/) as string,
    });
    await rm(file);
  });

  it('keeps its sockets in a folder of its own name', () => {
    const path = controlSocketPath(acmenet, '/etc/acmenet.yaml', { env: { XDG_RUNTIME_DIR: '/run/user/7' } });
    expect(path).toMatch(/^\/run\/user\/7\/acmenet\/[0-9a-f]{16}\.sock$/);
  });
});
