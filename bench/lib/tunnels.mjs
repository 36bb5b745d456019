/** Ways to join two namespaces by a tunnel from 10.88.0.1 to 10.88.0.2, each end in a process of its own. */
import { createIdentity, formatKey, generatePrivateKey } from '@wirepath/core';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const packages = (path) => fileURLToPath(new URL(`../../packages/${path}`, import.meta.url));
const WIREPATH = packages('cli/bin/wirepath.js');
export const TUNNEL_PORT = 51820;
export const TUNNEL_MTU = 1420;
export const TUNNEL_ADDRESSES = ['10.88.0.1', '10.88.0.2'];
/** Holds the addresses of idle peers too, so that none of them needs a route. */
const PREFIX_LENGTH = 9;

export function keyPair() {
  const key = generatePrivateKey();
  return { privateKey: formatKey(key), publicKey: createIdentity(key).publicKey };
}

/** Peers that nobody sends packets to: an address each, and a public key, which nobody has the private one of unless given. */
export function idlePeers(count, publicKeys) {
  return Array.from({ length: count }, (_, i) => ({
    name: `idle${i}`,
    publicKey: publicKeys?.[i] ?? randomBytes(32).toString('base64'),
    allowedIps: [`10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`],
  }));
}

/** Another in each lab, for the sockets of UAPI are in one folder. */
export const deviceName = (lab, side) => `wpb${process.pid % 100_000}n${lab.number}${side}`;

/** What one end has to know of the other, for every end that speaks WireGuard. */
const livingPeer = (lab, side, keys) => ({
  name: 'peer',
  publicKey: keys[1 - side].publicKey,
  allowedIps: [`${TUNNEL_ADDRESSES[1 - side]}/32`],
  endpoint: `${lab.addresses[1 - side]}:${TUNNEL_PORT}`,
});

function wirepathRc(lab, side, keys, transport, idle) {
  return {
    privateKey: keys[side].privateKey,
    interface: deviceName(lab, side),
    addresses: [`${TUNNEL_ADDRESSES[side]}/${PREFIX_LENGTH}`],
    mtu: TUNNEL_MTU,
    plugins: [['@wirepath/transport-wg', { listenPort: TUNNEL_PORT, ...transport }]],
    peers: [...idle, livingPeer(lab, side, keys)],
    log: { level: 'warn' },
  };
}

/** @returns what this build's check of the configuration says against options of the transport; undefined: it knows them. */
export async function refusedBy(lab, transport, build = WIREPATH) {
  const file = join(lab.folder, 'probe.json');
  const rc = wirepathRc(lab, 0, [keyPair(), keyPair()], transport, []);
  await writeFile(file, JSON.stringify(rc), { mode: 0o600 });
  const refused = (error) => error;
  const answer = await run(process.execPath, [build, 'check-config', '--json', '--config', file]).catch(refused);
  const { ok, problems } = JSON.parse(answer.stdout);
  return ok ? undefined : JSON.stringify(problems);
}

/**
 * Our own command.
 * @param build the `wirepath.js` of another build than this one.
 * @param transport more options of the transport.
 * @returns an end whose daemon also has `describe`: what `status` says of how its packets go, after some have gone.
 * @param profile the folder for a CPU profile; the command is then run as modules, since the bundle has no names of functions.
 */
export function wirepathEnd({ build = WIREPATH, transport = {}, idle = [], profile } = {}) {
  return async (lab, side, keys) => {
    const file = join(lab.folder, `${side}.json`);
    await writeFile(file, JSON.stringify(wirepathRc(lab, side, keys, transport, idle)), { mode: 0o600 });
    const runtime = join(lab.folder, `run${side}`);
    await mkdir(runtime, { mode: 0o700 });
    const modules = `import(${JSON.stringify(packages('cli/dist/index.js'))})`;
    const command =
      profile === undefined
        ? [build]
        : [
            '--cpu-prof',
            '--cpu-prof-dir',
            profile,
            '-e',
            `${modules}.then(({ main }) => main(['', '', ...process.argv.slice(1)]))`,
            '--',
          ];
    const started = [process.execPath, ...command, 'up', '--config', file];
    const daemon = lab.spawn(side, started, { env: { XDG_RUNTIME_DIR: runtime } });
    daemon.describe = async () => {
      const command = [
        'env',
        `XDG_RUNTIME_DIR=${runtime}`,
        process.execPath,
        build,
        'status',
        '--json',
        '--config',
        file,
      ];
      const { node } = JSON.parse(await lab.exec(side, ...command));
      return Object.entries(node.transport ?? {})
        .map(([name, text]) => `${name} ${text}`)
        .join('; ');
    };
    return daemon;
  };
}

/** wireguard-go, or any program with its arguments. */
export function wireguardGoEnd({ program = 'wireguard-go', idle = [] } = {}) {
  return async (lab, side, keys) => {
    const name = deviceName(lab, side);
    const daemon = lab.spawn(side, [program, '-f', name]);
    await lab.until(side, 'wg', 'show', name);
    const section = ({ publicKey, allowedIps, endpoint }) => [
      '[Peer]',
      `PublicKey = ${publicKey}`,
      `AllowedIPs = ${allowedIps.join(', ')}`,
      ...(endpoint === undefined ? [] : [`Endpoint = ${endpoint}`]),
    ];
    const lines = [
      ...['[Interface]', `PrivateKey = ${keys[side].privateKey}`, `ListenPort = ${TUNNEL_PORT}`],
      ...[...idle, livingPeer(lab, side, keys)].flatMap(section),
    ];
    const file = join(lab.folder, `${side}.conf`);
    await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    await lab.exec(side, 'wg', 'setconf', name, file);
    await lab.exec(side, 'ip', 'address', 'add', `${TUNNEL_ADDRESSES[side]}/${PREFIX_LENGTH}`, 'dev', name);
    await lab.exec(side, 'ip', 'link', 'set', name, 'mtu', String(TUNNEL_MTU), 'up');
    return daemon;
  };
}

/**
 * Starts an end on each side, the second one first, so that the time of the first is its own.
 * @returns the daemons of both, once packets pass; the keys; ms from starting the first end to its first echo.
 */
export async function joinByWireGuard(lab, ends) {
  const keys = [keyPair(), keyPair()];
  const far = await ends[1](lab, 1, keys);
  await lab.until(1, 'ip', 'route', 'get', TUNNEL_ADDRESSES[0], 'from', TUNNEL_ADDRESSES[1]);
  const startedAt = performance.now();
  const near = await ends[0](lab, 0, keys);
  await untilEcho(lab);
  return { daemons: [near, far], keys, startMs: performance.now() - startedAt };
}

async function untilEcho(lab) {
  await lab.until(0, 'ping', '-n', '-q', '-c', '1', '-W', '0.2', TUNNEL_ADDRESSES[1]);
}

/** Nebula, each host the other's static one, without a lighthouse. */
export async function joinByNebula(lab) {
  const file = (name) => join(lab.folder, name);
  await run('nebula-cert', ['ca', '-name', 'bench', '-out-crt', file('ca.crt'), '-out-key', file('ca.key')]);
  const daemons = [];
  for (const side of [0, 1]) {
    const [cert, key] = [file(`${side}.crt`), file(`${side}.key`)];
    const signed = ['-name', `host${side}`, '-ip', `${TUNNEL_ADDRESSES[side]}/24`, '-out-crt', cert, '-out-key', key];
    await run('nebula-cert', ['sign', '-ca-crt', file('ca.crt'), '-ca-key', file('ca.key'), ...signed]);
    const anything = [{ port: 'any', proto: 'any', host: 'any' }];
    const config = {
      pki: { ca: file('ca.crt'), cert, key },
      static_host_map: { [TUNNEL_ADDRESSES[1 - side]]: [`${lab.addresses[1 - side]}:${TUNNEL_PORT}`] },
      lighthouse: { am_lighthouse: false, hosts: [] },
      listen: { host: '0.0.0.0', port: TUNNEL_PORT },
      tun: { dev: deviceName(lab, side), mtu: TUNNEL_MTU },
      firewall: { outbound: anything, inbound: anything },
    };
    await writeFile(file(`${side}.yaml`), JSON.stringify(config), { mode: 0o600 });
    daemons.push(lab.spawn(side, ['nebula', '-config', file(`${side}.yaml`)]));
  }
  await untilEcho(lab);
  return { daemons };
}

/** @returns by name, the folders of the native packages that a prototype may import. */
async function nativePackages() {
  const homes = { koffi: 'linux/node_modules/koffi', 'sodium-native': 'transport-wg/node_modules/sodium-native' };
  const found = Object.entries(homes).map(async ([name, home]) => [name, await realpath(packages(home))]);
  return Promise.all(found);
}

/**
 * A prototype of a data plane: a script `SCRIPT TUN LISTEN_IP LISTEN_PORT PEER_IP PEER_PORT SIDE single CRYPTO` that opens the
 * TUN of that name and has its keys and indices from SIDE. It and the modules beside it are copied to where koffi and
 * sodium-native are found.
 */
export async function joinByPrototype(lab, script, crypto) {
  const folder = join(lab.folder, 'prototype');
  const from = dirname(resolve(script));
  await mkdir(join(folder, 'node_modules'), { recursive: true });
  for (const name of await readdir(from)) if (/\.[cm]?js$/.test(name)) await cp(join(from, name), join(folder, name));
  for (const [name, home] of await nativePackages()) await symlink(home, join(folder, 'node_modules', name));
  const daemons = [];
  for (const side of [0, 1]) {
    const name = deviceName(lab, side);
    const ends = [lab.addresses[side], String(TUNNEL_PORT), lab.addresses[1 - side], String(TUNNEL_PORT)];
    const copy = join(folder, resolve(script).slice(from.length + 1));
    daemons.push(lab.spawn(side, [process.execPath, copy, name, ...ends, String(side), 'single', crypto]));
    await lab.until(side, 'ip', 'address', 'add', `${TUNNEL_ADDRESSES[side]}/24`, 'dev', name);
    await lab.exec(side, 'ip', 'link', 'set', name, 'mtu', String(TUNNEL_MTU), 'up');
  }
  await untilEcho(lab);
  return { daemons };
}
