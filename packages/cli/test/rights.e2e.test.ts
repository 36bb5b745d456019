import { formatKey, generatePrivateKey } from '@wirepath/core';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemdUnit } from '../src/commands/systemd-unit.js';
import { wirepath } from '../src/product.js';

/** The built command, as users run it. */
const BIN = fileURLToPath(new URL('../bin/wirepath.js', import.meta.url));
const SERVICE_USER = 23_456;

const works = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;
const lacking =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs root on Linux'
    : !works('unshare', '--net', '--mount', 'true')
      ? 'needs namespaces of its own (unshare)'
      : !works('setpriv', '--version')
        ? 'needs setpriv of util-linux'
        : !works('ip', '-Version')
          ? 'needs iproute2'
          : !existsSync('/dev/net/tun')
            ? 'needs /dev/net/tun'
            : undefined;
if (lacking) console.log(`skipped: rights of a real node: ${lacking}`);

const unitSetting = (key: string) =>
  new RegExp(`^${key}=(.*)$`, 'm').exec(systemdUnit(wirepath, 'node'))?.[1]?.toLowerCase() ?? '';

/** What systemd does for a unit with this user and these capabilities; `capabilities` as in the unit, or none. */
const asService = (capabilities = unitSetting('AmbientCapabilities')) => {
  const set = ['-all', ...(capabilities === '' ? [] : [`+${capabilities.replace(/^cap_/, '')}`])].join(',');
  const identity = `--reuid=${SERVICE_USER} --regid=${SERVICE_USER} --clear-groups --no-new-privs`;
  return `setpriv ${identity} --inh-caps=${set} --ambient-caps=${set} --bounding-set=${set}`;
};

/** /run and the device file of its own: this mount namespace ends with its last process. */
const prepare = (tunMode: string) =>
  [
    'mount -t tmpfs tmpfs /run',
    `install -d -m 0700 -o ${SERVICE_USER} -g ${SERVICE_USER} /run/wirepath /run/wireguard`,
    `mknod -m ${tunMode} /run/tun c 10 200`,
    'mount --bind /run/tun /dev/net/tun',
    'ip link set lo up',
  ].join(' && ');

let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wirepath-rights-'));
  chmodSync(folder, 0o755);
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }
  rmSync(folder, { recursive: true });
});

/** `options` are those of the transport. */
function writeRcFile(peers: readonly string[] = [], options = ''): string {
  const file = join(folder, 'node.yaml');
  const key = join(folder, 'node.key');
  if (!existsSync(key)) writeFileSync(key, `${formatKey(generatePrivateKey())}\n`, { mode: 0o600 });
  const list = peers.map(
    (publicKey, i) => `  - { name: p${i}, publicKey: "${publicKey}", allowedIps: [10.99.${i}.0/24] }`,
  );
  const lines = [
    'privateKeyFile: ./node.key',
    'interface: wprights',
    'addresses: [10.98.0.1/24]',
    `plugins: ["@wirepath/source-host", ["@wirepath/transport-wg", { listenPort: 0${options} }]]`,
    ...(peers.length === 0 ? ['peers: []'] : ['peers:', ...list]),
    'log: { level: debug }',
  ];
  writeFileSync(file, lines.join('\n'), { mode: 0o600 });
  return file;
}

function start(script: string) {
  const child = spawn('unshare', ['--net', '--mount', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const running = { out: '', err: '' };
  child.stdout.on('data', (text) => (running.out += String(text)));
  child.stderr.on('data', (text) => (running.err += String(text)));
  const exited = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  const inside = (...command: string[]) =>
    spawnSync('nsenter', ['-t', String(child.pid), '-n', '-m', ...command], { encoding: 'utf8' });
  return Object.assign(running, { child, exited, inside, pid: child.pid ?? 0 });
}

const until = (condition: () => unknown) => expect.poll(condition, { timeout: 20_000, interval: 50 }).toBeTruthy();
const node = (file: string, before = '') =>
  `exec ${before} env XDG_RUNTIME_DIR=/run ${process.execPath} ${BIN} up --config ${file}`;

interface Thread {
  readonly name: string;
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly bounding: bigint;
}

function threadsOf(pid: number): Thread[] {
  return readdirSync(`/proc/${pid}/task`).map((tid) => {
    const status = readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8');
    const set = (name: string) => BigInt(`0x${new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '0'}`);
    return { name: tid, permitted: set('CapPrm'), effective: set('CapEff'), bounding: set('CapBnd') };
  });
}

const NET_BIND_SERVICE = 1n << 10n;
const NET_ADMIN = 1n << 12n;
const NET_RAW = 1n << 13n;

/** Ends it in order, and runs commands in the namespaces that it leaves, which end with their last process and so are held. */
async function stopAndLookBehind(running: ReturnType<typeof start>): Promise<(...command: string[]) => string> {
  const holder = spawn('nsenter', ['-t', String(running.pid), '-n', '-m', 'sleep', '60']);
  children.push(holder);
  await until(() => holder.pid !== undefined && namespaceOf(holder.pid) === namespaceOf(running.pid));
  running.child.kill('SIGTERM');
  expect(await running.exited).toBe(0);
  return (...command) =>
    spawnSync('nsenter', ['-t', String(holder.pid), '-n', '-m', ...command], { encoding: 'utf8' }).stdout;
}

describe.skipIf(lacking)('rights of a real node', () => {
  describe('as the unit’s user, with the unit’s one capability', () => {
    const ours = (file: string) => spawnSync('chown', ['-R', `${SERVICE_USER}:${SERVICE_USER}`, join(file, '..')]);

    it('has its device, address, route and UAPI socket, re-reads its file, and leaves nothing', async () => {
      const [first, second] = [formatKey(generatePrivateKey()), formatKey(generatePrivateKey())];
      const file = writeRcFile([first]);
      ours(file);
      const running = start(`${prepare('0666')} && ${node(file, asService())}`);
      await until(() => running.out.includes('node is up') || running.child.exitCode !== null);
      expect(running.err).toBe('');
      // Every thread has exactly what the unit says, and no more can be had.
      const threads = threadsOf(running.pid);
      expect(new Set(threads.map(({ effective }) => effective))).toEqual(new Set([NET_ADMIN]));
      expect(new Set(threads.map(({ bounding }) => bounding))).toEqual(new Set([NET_ADMIN]));
      expect(readFileSync(`/proc/${running.pid}/status`, 'utf8')).toMatch(
        new RegExp(`^Uid:\\s+${SERVICE_USER}\\s`, 'm'),
      );

      expect(running.inside('ip', 'address', 'show', 'wprights').stdout).toContain('10.98.0.1/24');
      await until(() => running.inside('ip', 'route').stdout.includes('10.99.0.0/24 dev wprights'));
      if (works('wg', '--version')) expect(running.inside('wg', 'show', 'wprights', 'peers').stdout).toContain(first);
      // Root asks the node of that user's rc file.
      const ask = ['env', 'XDG_RUNTIME_DIR=/run', process.execPath, BIN, 'status', '--config', file, '--json'];
      expect(JSON.parse(running.inside(...ask).stdout)).toMatchObject({ peers: [{ name: 'p0' }] });

      writeRcFile([first, second]);
      ours(file);
      running.child.kill('SIGHUP');
      await until(() => running.inside('ip', 'route').stdout.includes('10.99.1.0/24 dev wprights'));

      const left = await stopAndLookBehind(running);
      expect(left('ip', '-brief', 'link')).not.toContain('wprights');
      expect(left('ip', 'rule').trim().split('\n')).toHaveLength(3);
      expect(left('find', '/run/wirepath', '/run/wireguard', '-mindepth', '1')).toBe('');
    });

    it('says that the capability is missing, where it is', async () => {
      const file = writeRcFile();
      ours(file);
      const running = start(`${prepare('0666')} && ${node(file, asService(''))}`);
      expect(await running.exited).toBe(1);
      expect(running.err).toMatch(/cannot create the interface wprights: CAP_NET_ADMIN is missing/);
      expect(running.err).toMatch(/AmbientCapabilities=CAP_NET_ADMIN/);
    });

    it('says that the mode of the device file is in the way, which no capability cures', async () => {
      const file = writeRcFile();
      ours(file);
      const running = start(`${prepare('0600')} && ${node(file, asService())}`);
      expect(await running.exited).toBe(1);
      expect(running.err).toContain(
        `cannot open /dev/net/tun: /dev/net/tun belongs to uid 0 (mode 0600), and this process runs as uid ${SERVICE_USER}`,
      );
      expect(running.err).not.toContain('CAP_NET_ADMIN');
    });
  });

  it('as root: gives up what it does not need once it is up, and can still reload and stop', async () => {
    const [first, second] = [formatKey(generatePrivateKey()), formatKey(generatePrivateKey())];
    const file = writeRcFile([first]);
    const running = start(`${prepare('0600')} && chown -R 0:0 /run/wirepath /run/wireguard && ${node(file)}`);
    await until(() => running.out.includes('rights of root were given up') || running.child.exitCode !== null);
    expect(running.err).toBe('');
    const threads = threadsOf(running.pid);
    const main = threads.find(({ name }) => name === String(running.pid));
    const kept = NET_ADMIN | NET_RAW | NET_BIND_SERVICE;
    expect(main).toMatchObject({ permitted: kept, effective: kept, bounding: kept });
    // The pool of libuv has four threads: they read files for JavaScript.
    expect(threads.filter(({ permitted }) => permitted === kept).length).toBeGreaterThanOrEqual(5);

    writeRcFile([first, second]);
    running.child.kill('SIGHUP');
    await until(() => running.inside('ip', 'route').stdout.includes('10.99.1.0/24 dev wprights'));
    const left = await stopAndLookBehind(running);
    expect(left('ip', '-brief', 'link')).not.toContain('wprights');
    expect(left('find', '/run/wirepath', '/run/wireguard', '-mindepth', '1')).toBe('');
  });

  it('as root: a server keeps nothing after it has bound its port', async () => {
    const file = join(folder, 'server.yaml');
    writeFileSync(file, 'server: { rendezvous: { listen: "127.0.0.1:700" } }\nlog: { level: debug }\n', {
      mode: 0o600,
    });
    const running = start(
      `${prepare('0600')} && chown -R 0:0 /run/wirepath && ${node(file).replace(' up ', ' serve ')}`,
    );
    await until(() => running.out.includes('rights of root were given up') || running.child.exitCode !== null);
    expect(running.err).toBe('');
    const threads = threadsOf(running.pid);
    expect(threads.find(({ name }) => name === String(running.pid))).toMatchObject({ permitted: 0n, bounding: 0n });
    expect(threads.filter(({ permitted }) => permitted === 0n).length).toBeGreaterThanOrEqual(5);
    running.child.kill('SIGTERM');
    expect(await running.exited).toBe(0);
  });
});

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    // Not there yet.
    return undefined;
  }
}
