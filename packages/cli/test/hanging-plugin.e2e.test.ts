import { formatKey, generatePrivateKey } from '@wirepath/core';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../bin/wirepath.js', import.meta.url));

let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wirepath-hang-'));
  await writeFile(join(folder, 'a.key'), `${formatKey(generatePrivateKey())}\n`, { mode: 0o600 });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

const env = (): NodeJS.ProcessEnv => ({ ...process.env, XDG_RUNTIME_DIR: folder });
const FOREVER = 'new Promise(() => setInterval(() => {}, 1000))';
const plugin = (rest: string) => `export default { name: 'hangs', apiVersion: 1, needs: [], ${rest} };`;
const source = (create: string) => plugin(`provides: ['candidateSource'], create: ${create}`);
const signaling = `() => ({ signaling: {
  start: () => ${FOREVER}, stop: async () => {}, publish() {}, states: () => [],
  onMessage: () => ({ [Symbol.dispose]() {} }), onStateChange: () => ({ [Symbol.dispose]() {} }) } })`;
const server = `provides: [], create: () => ({}), serverParts: [{ sections: ['slow'], options: (z) => z.object({ slow: z.unknown() }),
  create: () => ({ start: () => ${FOREVER}, stop: async () => {}, describe: () => [] }) }]`;

/** What hangs, with the phase that status names, and the command that runs into it. */
const HANGING: readonly [phase: string, code: string, command: 'up' | 'serve'][] = [
  ['import', `await ${FOREVER};`, 'up'],
  ['options', source('() => ({})').replace('needs', `options: (z) => z.any().refine(() => ${FOREVER}), needs`), 'up'],
  ['create', source(`() => ${FOREVER}`), 'up'],
  ['start', plugin(`provides: ['signaling'], create: ${signaling}`), 'up'],
  ['import', `await ${FOREVER};`, 'serve'],
  ['start', plugin(server), 'serve'],
];

async function write(code: string, command: 'up' | 'serve'): Promise<string> {
  await writeFile(join(folder, 'hangs.mjs'), code, { mode: 0o644 });
  const rc = join(folder, 'a.json');
  const node = {
    privateKeyFile: './a.key',
    interface: 'wpa',
    plugins: ['./hangs.mjs', ['@wirepath/transport-wg', { tun: false }]],
  };
  const content = command === 'up' ? node : { server: { slow: {} }, ...node };
  await writeFile(rc, JSON.stringify(content), { mode: 0o600 });
  return rc;
}

function start(...args: string[]) {
  const child = spawn(process.execPath, [BIN, ...args], { env: env() });
  children.push(child);
  const running = { child, out: '', exit: once(child, 'exit') };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (running.out += String(text)));
  return running;
}

const run = (...args: string[]) => spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8', env: env() });

interface Status {
  readonly starting?: { readonly plugins: readonly { readonly plugin: string; readonly phase: string }[] };
}

async function hangs(rc: string, phase: string): Promise<void> {
  const status = (): Status => {
    const { stdout, status: code } = run('status', '--json', '--config', rc);
    return code === 0 ? (JSON.parse(stdout) as Status) : {};
  };
  await expect
    .poll(() => status().starting?.plugins.map((one) => `${one.plugin} ${one.phase}`), {
      timeout: 15_000,
      interval: 100,
    })
    .toEqual([`./hangs.mjs ${phase}`]);
}

describe('a plugin that hangs', () => {
  it.each(HANGING)('in %s is named by status, and a signal ends the process in order', async (phase, code, command) => {
    const rc = await write(code, command);
    const { child, exit } = start(command, '--config', rc);
    await hangs(rc, phase);
    expect(run('status', '--config', rc).stdout).toContain(`./hangs.mjs: ${phase} has not finished for`);
    const sentAt = Date.now();
    child.kill(phase === 'create' ? 'SIGTERM' : 'SIGINT');
    expect(await exit).toEqual([0, null]);
    expect(Date.now() - sentAt).toBeLessThan(3000);
    expect((await readdir(join(folder, 'wirepath'))).filter((name) => name.endsWith('.sock'))).toEqual([]);
  });
});

describe('a node that starts', () => {
  it('says so to whoever asks for more than its status', async () => {
    const rc = await write(`await ${FOREVER};`, 'up');
    start('up', '--config', rc);
    await hangs(rc, 'import');
    expect(run('ping', 'b', '--config', rc).stderr).toContain('the node is still starting: ./hangs.mjs is in import');
    expect(run('up', '--config', rc).status).toBe(1);
  });

  it('is left by a second Ctrl-C where even stopping hangs', async () => {
    const stuck = signaling.replace('stop: async () => {}', `stop: () => ${FOREVER}`);
    const rc = await write(plugin(`provides: ['signaling'], create: ${stuck}`), 'up');
    const { child, exit } = start('up', '--config', rc);
    await hangs(rc, 'start');
    child.kill('SIGINT');
    // Until the first one is taken there is only one: signals of a kind are not queued.
    await expect.poll(() => run('status', '--config', rc).status, { timeout: 4000, interval: 100 }).toBe(1);
    child.kill('SIGINT');
    expect(await exit).toEqual([130, null]);
  });
});

describe.each(['check-config', 'plugins', 'netcheck'])('%s with a plugin that hangs', (command) => {
  it('names it after ten seconds, and ends at Ctrl-C', async () => {
    const rc = await write(`await ${FOREVER};`, 'up');
    const running = start(command, '--config', rc);
    await expect
      .poll(() => running.out, { timeout: 15_000, interval: 100 })
      .toMatch(/wirepath: \.\/hangs\.mjs: import has not finished for 10/);
    running.child.kill('SIGINT');
    expect(await running.exit).toEqual([null, 'SIGINT']);
  });
});
