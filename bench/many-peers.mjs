// What thousands of peers in the rc file cost a node: to start, to check, and to read again while a peer is pinged.
//   node bench/many-peers.mjs [--peers 10000] [--rounds 1] [--json]        as root on Linux
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readOptions, wholeNumber } from './lib/options.mjs';
import { table } from './lib/table.mjs';
import { TwoNamespaces } from './lib/two-namespaces.mjs';

const USAGE = `node bench/many-peers.mjs [--peers N] [--json]
  --peers N  peers in the rc file (default 10000); measured with a tenth of them too, to see how it grows
As root on Linux. One node with N peers, TUN and routes, and another that is the last of these peers, in two network namespaces.
Milliseconds of check-config and from starting the node to the first echo, beside a bare \`node -e 0\`; then, for each SIGHUP, how
long the event loop stood still at most, beside the same time without one, and how many of 500 pings were lost.`;

const options = readOptions(USAGE, { peers: { type: 'string', default: '10000' } });
const most = wholeNumber(options.peers, 'peers', 100);
if (process.getuid?.() !== 0 || process.platform !== 'linux') {
  process.stderr.write('many-peers: needs root on Linux\n');
  process.exit(2);
}

const run = promisify(execFile);
const wirepath = fileURLToPath(new URL('../packages/cli/bin/wirepath.js', import.meta.url));
const loopDelay = fileURLToPath(new URL('lib/loop-delay.cjs', import.meta.url));
const PORT = 51820;
const PINGS = 500;
/** Pings are 10 ms apart; the file is read again while they pass. */
const HANGUP_AFTER_MS = 1000;

const raw = (key, type) => key.export({ type, format: 'der' }).subarray(-32).toString('base64');
function newKeys() {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return { private: raw(privateKey, 'pkcs8'), public: raw(publicKey, 'spki') };
}
const innerIp = (i) => `10.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
const idlePeer = (i) => ({ name: `p${i}`, publicKey: newKeys().public, allowedIps: [`${innerIp(i + 10)}/32`] });

async function time(action) {
  const startedAt = performance.now();
  await action();
  return performance.now() - startedAt;
}

/** A node with `count` peers, the last of which is there, too. */
async function writeRcFiles(lab, count, listedIn) {
  const [ours, theirs] = [newKeys(), newKeys()];
  const [us, them] = [join(lab.folder, `us-${count}-${listedIn}`), join(lab.folder, `them-${count}-${listedIn}`)];
  const node = (keys, name, more) => ({ privateKey: keys.private, interface: name, mtu: 1420, ...more });
  const transport = (listenPort) => [['@wirepath/transport-wg', { listenPort }]];
  const living = {
    name: 'living',
    publicKey: theirs.public,
    allowedIps: [`${innerIp(2)}/32`],
    endpoint: `${lab.addresses[1]}:${PORT}`,
  };
  const write = async (peers) => {
    const list = [...peers, living];
    if (listedIn === 'peersFile') await writeFile(`${us}.peers.json`, JSON.stringify(list), { mode: 0o600 });
    const where = listedIn === 'peersFile' ? { peersFile: `${us}.peers.json` } : { peers: list };
    const rc = node(ours, 'wpmany', { addresses: [`${innerIp(1)}/10`], plugins: transport(PORT), ...where });
    await writeFile(`${us}.json`, JSON.stringify(rc), { mode: 0o600 });
  };
  await writeFile(
    `${them}.json`,
    JSON.stringify(
      node(theirs, 'wplive', {
        addresses: [`${innerIp(2)}/10`],
        plugins: transport(PORT),
        peers: [{ name: 'many', publicKey: ours.public, allowedIps: [`${innerIp(1)}/32`] }],
      }),
    ),
    { mode: 0o600 },
  );
  return {
    us: `${us}.json`,
    them: `${them}.json`,
    write,
    peers: Array.from({ length: count - 1 }, (_, i) => idlePeer(i)),
  };
}

async function stallMs(lab, child) {
  const file = join(lab.folder, 'delay');
  await rm(file, { force: true });
  process.kill(child.pid, 'SIGUSR2');
  for (let i = 0; i < 100; i += 1) {
    await sleep(20);
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text !== '') return JSON.parse(text);
  }
  throw new Error('the node says nothing of its loop');
}

/** @returns how many of the pings were lost, a late one being one of them. */
async function pinged(lab, during) {
  const pings = lab.exec(0, 'ping', '-n', '-q', '-i', '0.01', '-c', String(PINGS), '-W', '1', innerIp(2)).catch(
    // It exits with 1 where some were lost.
    ({ stdout }) => stdout,
  );
  await sleep(HANGUP_AFTER_MS);
  await during();
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(await pings) ?? [];
  return Number(sent) - Number(received);
}

async function measure(count, listedIn) {
  const lab = await TwoNamespaces.open();
  try {
    await mkdir(join(lab.folder, 'other'));
    const { us, them, write, peers } = await writeRcFiles(lab, count, listedIn);
    await write(peers);
    const env = { ...process.env, XDG_RUNTIME_DIR: lab.folder };
    const bareMs = await time(() => run(process.execPath, ['-e', '0']));
    const checkMs = await time(() =>
      run(process.execPath, [wirepath, 'check-config', '--config', us], { env, maxBuffer: 1 << 26 }),
    );
    // Two machines: neither sees the other's control socket.
    lab.spawn(1, [process.execPath, wirepath, 'up', '--config', them], {
      env: { ...env, XDG_RUNTIME_DIR: join(lab.folder, 'other') },
    });
    await lab.until(1, 'ip', 'route', 'show', 'dev', 'wplive');

    let child;
    let log = '';
    const startMs = await time(async () => {
      child = lab.spawn(0, [process.execPath, '--require', loopDelay, wirepath, 'up', '--config', us], {
        env: { ...env, LOOP_DELAY_FILE: join(lab.folder, 'delay') },
        stdout: 'pipe',
      });
      child.stdout.on('data', (text) => (log += text));
      for (;;) {
        if (child.exitCode !== null) throw new Error(`the node ended: ${child.lastWords}${log.slice(-500)}`);
        const echo = lab.exec(0, 'ping', '-n', '-q', '-c', '1', '-W', '0.2', innerIp(2));
        if (
          await echo.then(
            () => true,
            () => sleep(20),
          )
        )
          break;
      }
    });
    while (!log.includes('node is up')) await sleep(50);
    await sleep(1000);
    const startStallMs = await stallMs(lab, child);

    const reloads = [];
    const reload = async (what, list) => {
      if (list !== undefined) await write(list);
      log = '';
      const lost = await pinged(lab, () => {
        if (list !== undefined) process.kill(child.pid, 'SIGHUP');
      });
      if (list !== undefined && !log.includes('read again'))
        throw new Error(`${what}: not read again: ${log.slice(-300)}`);
      reloads.push({ what, stallMs: await stallMs(lab, child), lost });
    };
    const half = peers.slice(0, peers.length >> 1);
    const replaced = peers.map((peer, i) => (i % 2 === 0 ? { ...peer, publicKey: newKeys().public } : peer));
    await reload('no SIGHUP', undefined);
    await reload('nothing changed', peers);
    await reload('half are gone', half);
    await reload('half are back', peers);
    await reload('half are replaced', replaced);
    await reload(
      'all are renamed',
      replaced.map((peer) => ({ ...peer, name: `${peer.name}-renamed` })),
    );
    return { peers: count, listedIn, bareMs, checkMs, startMs, startStallMs, reloads };
  } finally {
    await lab.close();
  }
}

const results = [
  await measure(Math.ceil(most / 10), 'peers'),
  await measure(most, 'peers'),
  await measure(most, 'peersFile'),
];
if (options.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
else {
  const rows = results.map(({ peers, listedIn, bareMs, checkMs, startMs }) => [
    peers,
    listedIn,
    bareMs,
    checkMs,
    checkMs / bareMs,
    startMs,
    startMs / bareMs,
  ]);
  const growth = ['growth', '', '', rows[1][3] / rows[0][3], '', rows[1][5] / rows[0][5], ''];
  const head = ['peers', 'listed in', 'node -e 0, ms', 'check-config, ms', 'times', 'first echo, ms', 'times'];
  process.stdout.write(`${table([head, ...rows, growth])}\n\n`);
  const reloads = results.flatMap(({ peers, listedIn, reloads: list }) =>
    list.map(({ what, stallMs: stall, lost }) => [peers, listedIn, what, stall, stall / list[0].stallMs, lost]),
  );
  const title = ['peers', 'listed in', 'SIGHUP', 'loop stood, ms', 'times without', `lost of ${PINGS}`];
  process.stdout.write(`${table([title, ...reloads])}\n`);
}
if (results.some(({ reloads }) => reloads.some(({ lost }) => lost > 0))) process.exitCode = 1;
