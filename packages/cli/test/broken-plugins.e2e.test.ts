import { formatKey, generatePrivateKey } from '@wirepath/core';
import type { StatusDocument } from '@wirepath/core';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../bin/wirepath.js', import.meta.url));

let folder: string;
let rcFile: string;
let child: ChildProcess | undefined;
const env = (): NodeJS.ProcessEnv => ({ ...process.env, XDG_RUNTIME_DIR: folder });

/** A plugin as a module beside the rc file. @param members of what `create` returns under the role. */
const plugin = (role: string, members: string, top = '') => `
${top}
const nothing = () => ({ [Symbol.dispose]() {} });
const boom = () => { throw new Error('boom'); };
export default {
  name: 'broken', apiVersion: 1, needs: ['clock'], provides: ['${role}'],
  create: ({ clock }) => ({ ${role}: { ${members} } }),
};
`;

const SIGNALING =
  'start: async () => {}, stop: async () => {}, states: () => [], onMessage: nothing, onStateChange: nothing, publish() {}';

async function writeNode(source: string): Promise<void> {
  await writeFile(join(folder, 'broken.mjs'), source);
  await writeFile(join(folder, 'a.key'), `${formatKey(generatePrivateKey())}\n`, { mode: 0o600 });
  const plugins = [
    './broken.mjs',
    ['@wirepath/source-host', { loopback: true }],
    ['@wirepath/transport-wg', { tun: false, listenPort: 0 }],
  ];
  const peer = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
  const peers = [{ name: 'b', publicKey: peer, allowedIps: ['10.77.0.2/32'] }];
  const rc = { privateKeyFile: './a.key', interface: 'wpa', addresses: ['10.77.0.1/24'], plugins, peers };
  await writeFile(rcFile, JSON.stringify(rc), { mode: 0o600 });
}

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'wirepath-broken-')));
  rcFile = join(folder, 'a.json');
});
afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

const run = (...args: string[]) =>
  spawnSync(process.execPath, [BIN, ...args, '--config', rcFile], { encoding: 'utf8', env: env() });
const status = (): StatusDocument => JSON.parse(run('status', '--json').stdout) as StatusDocument;

describe('a node goes on beside a plugin', () => {
  it.each<[string, string, string]>([
    [
      'whose publish() throws',
      plugin(
        'signaling',
        `${SIGNALING}, states: () => [{ url: 'x:y', state: 'up', sinceMs: 0 }], onStateChange: (f) => (setTimeout(f, 50), nothing()), publish: boom`,
      ),
      'publish',
    ],
    [
      'whose own timer throws',
      plugin('signaling', SIGNALING, 'setTimeout(() => { throw new Error("boom"); }, 300);'),
      'a callback',
    ],
    [
      'that rejects a promise that nobody waits for',
      plugin('signaling', SIGNALING, 'setTimeout(() => void Promise.reject(new Error("boom")), 300);'),
      'a promise that nobody waited for',
    ],
    [
      'whose timer of our clock throws',
      plugin('signaling', `${SIGNALING}, start: async () => void clock.setTimeout(boom, 50)`),
      'timer',
    ],
    [
      'that tells us nonsense',
      plugin('signaling', `${SIGNALING}, onMessage: (f) => (setTimeout(() => f(undefined), 50), nothing())`),
      'listener of onMessage',
    ],
    ['whose states are no states', plugin('signaling', `${SIGNALING}, states: () => 'up'`), 'states'],
    [
      'whose emitter has an error and no listener',
      plugin(
        'signaling',
        SIGNALING,
        'import { EventEmitter } from "node:events"; setTimeout(() => new EventEmitter().emit("error", new Error("boom")), 300);',
      ),
      'a callback',
    ],
    ['whose problems() throws', plugin('candidateSource', 'async *gather() {}, problems: boom'), 'problems'],
    ['whose watch() gives nothing to dispose of', plugin('candidateSource', 'async *gather() {}, watch() {}'), 'watch'],
  ])('%s', async (_name, source, hook) => {
    await writeNode(source);
    child = spawn(process.execPath, [BIN, 'up', '--config', rcFile], { env: env(), stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    child.stdout?.on('data', (text) => (out += String(text)));
    await expect.poll(() => out, { timeout: 15_000, interval: 50 }).toContain('node is up');
    const problem = `./broken.mjs: ${hook} failed`;
    await expect.poll(() => out + status().node.problems.join(), { timeout: 10_000, interval: 100 }).toContain(problem);
    const { node } = status();
    expect(node.problems.join('\n')).toContain(problem);
    expect(Object.keys(node.dropped)).toContain(`failed../broken.mjs: ${hook}`);
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
  });
});

describe('a plugin whose role lacks a method', () => {
  it('is refused by name right after create, with what it lacks', async () => {
    await writeNode(plugin('signaling', 'start: async () => {}, stop: async () => {}, publish() {}, states: 1'));
    const { status: code, stderr } = run('up');
    expect(code).toBe(2);
    expect(stderr).toContain('./broken.mjs');
    expect(stderr).toContain('no method `onMessage`, `states` that is no method, no method `onStateChange`');
    expect(stderr).not.toMatch(/at .*:\d+:\d+/);
  });
});

describe('a signal that means nothing here', () => {
  it.each(['SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const)(
    '%s from the first moment on ends nothing and opens no debugger',
    async (signal) => {
      await writeNode(plugin('signaling', SIGNALING));
      child = spawn(process.execPath, [BIN, 'up', '--config', rcFile], {
        env: env(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let out = '';
      child.stdout?.on('data', (text) => (out += String(text)));
      child.stderr?.on('data', (text) => (out += String(text)));
      // From when the control socket answers, which is before any plugin is loaded.
      await expect.poll(() => run('status', '--json').status, { timeout: 15_000, interval: 20 }).toBe(0);
      child.kill(signal);
      await expect.poll(() => out, { timeout: 15_000, interval: 50 }).toContain('node is up');
      child.kill(signal);
      expect(status().node.publicKey).not.toBe('');
      expect(out).not.toContain('Debugger listening');
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await exit).toEqual([0, null]);
    },
  );
});
