import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { Machines, type Machine } from './first-hour/machines.js';
import { Readme } from './first-hour/readme.js';
import { ROOT } from './house/imports.js';

const exec = promisify(execFile);
const TOOLS = ['ip', 'nsenter', 'unshare', 'setpriv', 'useradd', 'openssl', 'git', 'npm', 'ping'];
const missing = reasonToSkip();
const work = mkdtempSync(join(tmpdir(), 'first-hour-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

function reasonToSkip(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  const folders = (process.env['PATH'] ?? '').split(':');
  const absent = TOOLS.filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
  return absent.length === 0 ? undefined : `needs ${absent.join(', ')}`;
}

const readme = new Readme();
/** Keys and addresses differ from machine to machine; nothing else of the README is changed. */
const nodeFile = (number: number) => readme.file('privateKeyFile').replace('10.77.0.1/24', `10.77.0.${number}/24`);
const listOf = (keys: Readonly<Record<string, string>>, names: readonly string[]) => {
  const lines = `${readme.file('KEY-OF-A')}${readme.file('KEY-OF-C')}`.split('\n');
  const own = lines.filter((line) => names.some((name) => line.includes(`name: ${name},`)));
  return `${own.join('\n')}\n`.replaceAll(/KEY-OF-([A-Z])/g, (_, name: string) => keys[name.toLowerCase()] ?? '');
};

/** What asks something of a process that has just been started is asked until it answers. */
async function typeAll(machine: Machine, lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    if (/^(wirepath (status|ping)|ping) /.test(line)) await machine.until(line);
    else await machine.type(line);
  }
}

it(
  `the first hour, word for word from the README${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { skip: missing !== undefined, timeout: 900_000, retry: 0 },
  async () => {
    chmodSync(work, 0o755);
    // From a clone to the command.
    const clone = join(work, 'clone');
    await exec('git', ['clone', '--quiet', '--no-hardlinks', ROOT, clone]);
    for (const line of readme.commands('in the clone'))
      await exec('bash', ['-c', line], { cwd: clone, timeout: 600_000, maxBuffer: 1e8 });
    const authority = join(work, 'authority');
    mkdirSync(authority);
    makeAuthority(authority);
    const env = {
      PATH: `${fileURLToPath(new URL('first-hour/bin', import.meta.url))}:${work}/global/bin:${process.env['PATH'] ?? ''}`,
      HOME: work,
      AUTHORITY: authority,
      NODE_EXTRA_CA_CERTS: join(authority, 'ca.pem'),
      npm_config_registry: 'http://127.0.0.1:9/',
      npm_config_prefix: `${work}/global`,
    };
    await using machines = new Machines(work, env);
    const hosts = '203.0.113.10 wirepath.example.net';
    // The address by which it is known is its second one.
    const server = await machines.add('server', ['203.0.113.2/24', '203.0.113.10/24'], hosts);
    // One disk for all: what is installed on one is there on all.
    const [install = '', version = ''] = readme.commands('on every machine, as root, beside that file');
    await server.type(install, clone);
    expect(await server.type(version)).toMatch(/^\d+\.\d+\.\d+\n$/);

    // The server.
    const user = readme.commands('on every machine, as root');
    await typeAll(server, user);
    await server.write('/etc/wirepath/server.yaml', readme.file('server:'));
    await typeAll(server, readme.commands('on the server, as root'));

    // Two machines.
    const keys: Record<string, string> = {};
    const [makeKey, run] = [
      readme.commandsWith('on a and b, as root', 'genkey'),
      readme.commandsWith('on a and b, as root', 'systemd-unit'),
    ];
    const prepare = async (name: string, number: number) => {
      const machine = await machines.add(name, [`203.0.113.${20 + number}/24`], hosts);
      await typeAll(machine, user);
      for (const line of makeKey) keys[name] = (await machine.type(line)).trim();
      await machine.write('/etc/wirepath/node.yaml', nodeFile(number));
      return machine;
    };
    const list = (machine: Machine, ...names: string[]) =>
      machine.write('/etc/wirepath/peers.yaml', listOf(keys, names));
    const [a, b] = [await prepare('a', 1), await prepare('b', 2)];
    for (const machine of [a, b]) {
      await list(machine, 'a', 'b');
      await typeAll(machine, run);
    }
    await typeAll(a, readme.commands('on a, as root'));
    const status = 'wirepath status --json --config /etc/wirepath/node.yaml';
    const direct = (name: string) => new RegExp(`"name": "${name}"[^}]*"connection": "direct"`);
    const before = await a.until(status, direct('b'));
    const { relays, ...others } = JSON.parse(before) as { readonly relays: readonly object[] };
    expect(others).toMatchObject({
      node: { problems: [] },
      signaling: [{ url: 'wss://wirepath.example.net', state: 'up' }],
    });
    expect(relays).toContainEqual(
      expect.objectContaining({ url: 'turn:wirepath.example.net:3478', state: 'up', transport: 'udp' }),
    );
    // All ways to it are open, and the cheapest is taken.
    expect(relays.filter((relay) => 'error' in relay && relay.error !== null)).toEqual([]);

    // A third.
    const c = await prepare('c', 3);
    for (const machine of [a, b, c]) await list(machine, 'a', 'b', 'c');
    await typeAll(c, run);
    const reload = readme.commandsWith('on a and b, as root', 'systemctl reload');
    for (const machine of [a, b]) await typeAll(machine, reload);
    for (const [machine, others] of [
      [a, 'bc'],
      [b, 'ac'],
      [c, 'ab'],
    ] as const)
      for (const other of others) await machine.until(status, direct(other));
    await c.until('ping -c 1 -W 1 10.77.0.1');
    type Peers = { peers: { name: string; since: string }[] };
    const sinceOf = (text: string, name: string) =>
      (JSON.parse(text) as Peers).peers.find((peer) => peer.name === name)?.since;
    // What was open stays open.
    expect(sinceOf(await a.type(status), 'b')).toBe(sinceOf(before, 'b'));

    // One goes.
    for (const machine of [a, c]) await list(machine, 'a', 'c');
    for (const machine of [a, c]) await typeAll(machine, readme.commands('on a and c, as root'));
    const gone = await a.until(status, /^(?!.*"name": "b")/s);
    expect(gone).toMatch(direct('c'));
    await a.until('ping -c 1 -W 1 10.77.0.3');
    await expect(a.type('ping -c 1 -W 1 10.77.0.2')).rejects.toThrow();
  },
);

function makeAuthority(folder: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key'];
  execFileSync('openssl', ['req', '-x509', ...key, '-out', 'ca.pem', '-days', '2', '-subj', '/CN=the world'], {
    cwd: folder,
    stdio: 'ignore',
  });
}
