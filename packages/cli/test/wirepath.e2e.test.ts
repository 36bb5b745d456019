import { createIdentity, formatKey, generatePrivateKey } from '@wirepath/core';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tcpPort } from './tcp-port.js';

/** The built command, as users run it. */
const BIN = fileURLToPath(new URL('../bin/wirepath.js', import.meta.url));
const { bundleIsCurrent } = createRequire(import.meta.url)('../bin/bundle.js') as {
  bundleIsCurrent: (packageFolder: string) => boolean;
};
const stale = bundleIsCurrent(fileURLToPath(new URL('..', import.meta.url)))
  ? ''
  : ' (skipped: the bundle is older than what it is made of: npm run build)';
const hasWg = spawnSync('wg', ['--version']).status === 0;

let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wirepath-cli-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

const env = (): NodeJS.ProcessEnv => ({ ...process.env, XDG_RUNTIME_DIR: folder, TMPDIR: folder });

function run(args: string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    input,
    encoding: 'utf8',
    env: env(),
    cwd: folder,
  });
  return { status, stdout, stderr };
}

/** Starts the command and collects what it says. */
function start(args: string[]) {
  const child = spawn(process.execPath, [BIN, ...args], { env: env(), cwd: folder });
  children.push(child);
  const running = { child, out: '', err: '', exited: undefined as Promise<number | null> | undefined };
  child.stdout.on('data', (text) => (running.out += String(text)));
  child.stderr.on('data', (text) => (running.err += String(text)));
  const exited = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  return Object.assign(running, { exited });
}

const until = (condition: () => unknown): Promise<unknown> =>
  expect.poll(condition, { timeout: 15_000, interval: 50 }).toBeTruthy();

interface Pair {
  readonly server: string;
  readonly a: string;
  readonly b: string;
}

/** rc files of a rendezvous server and two nodes on loopback that need no right of any kind. */
async function writePair(): Promise<Pair> {
  const rendezvous = `127.0.0.1:${await tcpPort()}`;
  const keys = { a: generatePrivateKey(), b: generatePrivateKey() };
  const write = async (name: string, content: object): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, JSON.stringify(content), { mode: 0o600 });
    return file;
  };
  const node = async (own: 'a' | 'b', other: 'a' | 'b') => {
    await writeFile(join(folder, `${own}.key`), `${formatKey(keys[own])}\n`, { mode: 0o600 });
    return write(`${own}.json`, {
      privateKeyFile: `./${own}.key`,
      interface: `wp${own}`,
      addresses: [`10.77.0.${own === 'a' ? 1 : 2}/24`],
      plugins: [
        ['@wirepath/source-host', { loopback: true, interfaces: { include: ['lo*'] } }],
        ['@wirepath/transport-wg', { tun: false }],
        ['@wirepath/signaling-rendezvous', { url: `ws://${rendezvous}` }],
      ],
      peers: [
        {
          name: other,
          publicKey: createIdentity(keys[other]).publicKey,
          allowedIps: [`10.77.0.${other === 'a' ? 1 : 2}/32`],
        },
      ],
    });
  };
  return {
    server: await write('server.json', { server: { rendezvous: { listen: rendezvous } } }),
    a: await node('a', 'b'),
    b: await node('b', 'a'),
  };
}

describe('keys', () => {
  it('genkey | pubkey give 44 characters each, never the same twice', () => {
    const key = run(['genkey']);
    expect(key).toMatchObject({ status: 0, stderr: '' });
    expect(key.stdout).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    expect(run(['genkey']).stdout).not.toBe(key.stdout);
    expect(run(['pubkey'], key.stdout).stdout).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
  });

  it.skipIf(!hasWg)(`pubkey is what wg says${hasWg ? '' : ' (skipped: wg is not installed)'}`, () => {
    const key = run(['genkey']).stdout;
    expect(run(['pubkey'], key).stdout).toBe(spawnSync('wg', ['pubkey'], { input: key, encoding: 'utf8' }).stdout);
  });

  it.each([
    ['nothing', ''],
    ['what is no base64', 'not a key'],
    ['a short one', 'AAAA'],
    ['far too much', 'x'.repeat(100_000)],
  ])('pubkey refuses %s in one line, without echoing it', (_what, input) => {
    const { status, stdout, stderr } = run(['pubkey'], input);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^wirepath: .*key.*\n$/);
    if (input !== '') expect(stderr).not.toContain(input);
  });
});

describe('start-up', () => {
  /** Notes every file that is read to be executed. */
  const NOTE = `
    const fs = require('node:fs');
    const { readFileSync } = fs;
    const read = [];
    fs.readFileSync = (file, ...rest) => {
      if (/\\.(c?js|node)$/.test(String(file))) read.push(String(file));
      return readFileSync(file, ...rest);
    };
    process.on('exit', () => fs.writeFileSync(process.env.FILES_READ, read.join('\\n')));`;

  it.skipIf(stale !== '').each([['status', '--config', 'a.json'], ['genkey'], ['--help']])(
    `%s loads no plugin, no schema library, no logger and no container${stale}`,
    async (...args) => {
      await writePair();
      const [note, filesRead] = [join(folder, 'note.cjs'), join(folder, 'files-read')];
      await writeFile(note, NOTE);
      spawnSync(process.execPath, ['--require', note, BIN, ...args], {
        env: { ...env(), FILES_READ: filesRead },
        cwd: folder,
      });
      const files = (await readFile(filesRead, 'utf8')).split('\n').map((file) => basename(file));
      expect(files).toContain('main.cjs');
      expect(
        files.filter((file) =>
          /^(zod|pino|node-container|load-config|wrapper|source-|transport-|signaling-)/.test(file),
        ),
      ).toEqual([]);
    },
  );
});

describe('exit codes', () => {
  it.each([
    [['--help'], 0],
    [['status', '--help'], 0],
    [[], 2],
    [['nonsense'], 2],
    [['status', '--nonsense'], 2],
    [['up', '--config', 'missing.yaml'], 2],
    [['status'], 2],
  ])('%j exits with %d', (args, status) => {
    expect(run(args).status).toBe(status);
  });

  it('a broken rc file gives all its problems and 2, with --json as one document', async () => {
    const file = join(folder, 'broken.yaml');
    await writeFile(file, 'mtu: big\ninterfac: wp0\n', { mode: 0o600 });
    const { status, stderr } = run(['check-config', '--config', file]);
    expect(status).toBe(2);
    expect(stderr).toContain(`${file}:1:6 mtu`);
    expect(stderr).toContain('did you mean `interface`?');
    const json = run(['check-config', '--config', file, '--json']);
    expect(json.status).toBe(2);
    const document = JSON.parse(json.stdout) as { ok: boolean; problems: unknown[] };
    expect(document.ok).toBe(false);
    expect(document.problems.length).toBeGreaterThan(1);
  });

  it('status of a node that does not run is 1, one line, and with --json one document', async () => {
    const { a } = await writePair();
    const { status, stdout, stderr } = run(['status', '--config', a, '--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'NOT_RUNNING' } });
    expect(stderr).toBe(
      `wirepath: no node runs on this configuration. Start it with \`wirepath up --config ${a}\` (a server: \`serve\`).\n`,
    );
  });

  it('check-config and plugins show a good file, check-config --schema the schema', async () => {
    const { a } = await writePair();
    expect(run(['check-config', '--config', a])).toMatchObject({ status: 0, stderr: '' });
    expect(run(['plugins', '--config', a]).stdout).toContain('@wirepath/transport-wg');
    expect(JSON.parse(run(['check-config', '--schema']).stdout)).toHaveProperty('properties.peers');
  });
});

describe('a server and two nodes', () => {
  it('connect, answer on their control sockets, read their files again, and leave nothing behind', async () => {
    const { server, a, b } = await writePair();
    const serving = start(['serve', '--config', server]);
    await until(() => serving.out.includes('listening'));
    const nodeA = start(['up', '--config', a]);
    const nodeB = start(['up', '--config', b]);
    await until(() => nodeA.out.includes('peer b is direct') && nodeB.out.includes('peer a is direct'));

    const status = JSON.parse(run(['status', '--config', a, '--json']).stdout) as { peers: { connection: string }[] };
    expect(status.peers.map(({ connection }) => connection)).toEqual(['direct']);
    expect(run(['status', '--config', b]).stdout).toMatch(/^a +direct/m);
    expect(JSON.parse(run(['status', '--config', server, '--json']).stdout)).toMatchObject({
      server: { parts: [{ addresses: [{ section: 'rendezvous', protocol: 'tcp' }], figures: { clients: 2 } }] },
    });
    expect(run(['ping', 'b', '--config', a, '-c', '1'])).toMatchObject({ status: 0 });
    expect(run(['explain', 'b', '--config', a]).stdout).toContain('b is direct');
    expect(run(['ping', 'nobody', '--config', a])).toMatchObject({
      status: 1,
      stderr: 'wirepath: there is no peer "nobody". Peers are: b.\n',
    });

    expect(run(['up', '--config', a])).toMatchObject({
      status: 1,
      stderr: `wirepath: a node already runs on this configuration (pid ${nodeA.child.pid}). Use \`status\` to see it, or stop it first.\n`,
    });
    const copy = join(folder, 'copy.json');
    await writeFile(copy, await readFile(a), { mode: 0o600 });
    expect(run(['up', '--config', copy]).stderr).toMatch(
      new RegExp(`^wirepath: a node with this key already runs \\(pid ${nodeA.child.pid}\\)\\. .*\\n$`),
    );

    await writeFile(a, 'this: is wrong', { mode: 0o600 });
    nodeA.child.kill('SIGHUP');
    await until(() => nodeA.out.includes('was not taken over'));
    expect(run(['status', '--config', a]).stdout).toMatch(/^b +direct/m);

    nodeA.child.kill('SIGTERM');
    nodeB.child.kill('SIGINT');
    serving.child.kill('SIGTERM');
    expect(await Promise.all([nodeA.exited, nodeB.exited, serving.exited])).toEqual([0, 0, 0]);
    expect(await readdir(join(folder, 'wirepath'))).toEqual([]);
    for (const { out, err } of [nodeA, nodeB, serving]) {
      expect(err).toBe('');
      for (const line of out.trim().split('\n')) expect(() => void JSON.parse(line)).not.toThrow();
    }
  });

  it('status --watch streams until Ctrl-C', async () => {
    const { server } = await writePair();
    const serving = start(['serve', '--config', server]);
    await until(() => serving.out.includes('server is up'));
    const watching = start(['status', '--config', server, '--watch', '--json']);
    await until(() => watching.out.split('\n').length > 2);
    watching.child.kill('SIGINT');
    expect(await watching.exited).toBe(0);
    for (const line of watching.out.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('server');
  });

  it('what a killed process left does not keep the next from starting', async () => {
    const { server } = await writePair();
    const killed = start(['serve', '--config', server]);
    await until(() => killed.out.includes('server is up'));
    killed.child.kill('SIGKILL');
    await killed.exited;
    expect(await readdir(join(folder, 'wirepath'))).toHaveLength(1);
    expect(run(['status', '--config', server])).toMatchObject({ status: 1, stdout: '' });
    const next = start(['serve', '--config', server]);
    await until(() => next.out.includes('server is up'));
    next.child.kill('SIGTERM');
    expect(await next.exited).toBe(0);
  });

  it('a port that is taken is one line that says what to do', async () => {
    const { server } = await writePair();
    const first = start(['serve', '--config', server]);
    await until(() => first.out.includes('server is up'));
    const copy = join(folder, 'copy.json');
    await writeFile(copy, await readFile(server), { mode: 0o600 });
    const { status, stderr } = run(['serve', '--config', copy]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^wirepath: .*in use.*another port\.\n$/);
    expect(await readdir(join(folder, 'wirepath'))).toHaveLength(1);
  });
});
