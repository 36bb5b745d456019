// What starting the command costs, against starting Node itself in the same rounds.
//   node bench/startup.mjs [--rounds 11] [--json]
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { freePort } from './lib/free-port.mjs';
import { median } from './lib/median.mjs';
import { member, rcFile } from './lib/members.mjs';
import { readOptions, wholeNumber } from './lib/options.mjs';
import { table } from './lib/table.mjs';

const USAGE = `node bench/startup.mjs [--rounds N] [--json]
  --rounds N  times that each is started, in turns (default 11)
From starting a process to its end, or to what the row says: milliseconds, and how many times a bare \`node -e 0\`.
As root on Linux also to the first echo through a tunnel between two network namespaces, the other end being up.`;

const options = readOptions(USAGE, { rounds: { type: 'string', default: '11' } });
const rounds = wholeNumber(options.rounds, 'rounds');
const at = (path) => fileURLToPath(new URL(`../packages/${path}`, import.meta.url));
const bundled = [at('cli/bin/wirepath.js')];
/** What the same command costs as the modules that the bundle is made of. */
const MODULES = JSON.stringify(at('cli/dist/index.js'));
const asModules = ['-e', `import(${MODULES}).then(({ main }) => main(['', '', ...process.argv.slice(1)]))`, '--'];

const folder = await mkdtemp(join(tmpdir(), 'wirepath-bench-'));
const env = { ...process.env, XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder };
const times = new Map();
const note = (what, ms) => times.set(what, [...(times.get(what) ?? []), ms]);
const cleanups = [() => rm(folder, { recursive: true, force: true })];

/** Runs to the end, or until it has said something, and is then told to stop. @returns ms. */
function time(args, until) {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let ms;
    child.stderr.on('data', (text) => (said += text));
    child.stdout.on('data', (text) => {
      said += text;
      if (ms !== undefined || until === undefined || !said.includes(until)) return;
      ms = performance.now() - startedAt;
      child.kill('SIGTERM');
    });
    child.on('close', (code) => {
      if (code !== 0) reject(new Error(`${args.join(' ')}: ${said}`));
      else resolve(ms ?? performance.now() - startedAt);
    });
  });
}

/** An rc file of a node that needs no right of any kind. */
async function writeNode(name, [own, other]) {
  const plugins = [
    ['@wirepath/source-host', { loopback: true, interfaces: { include: ['lo*'] } }],
    ['@wirepath/transport-wg', { tun: false }],
    ['@wirepath/signaling-rendezvous', { url: `ws://127.0.0.1:${await freePort()}` }],
  ];
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify(rcFile(own, [other], plugins)), { mode: 0o600 });
  return file;
}

/** The process that `status` asks. */
async function startNode(file) {
  const child = spawn(process.execPath, [...bundled, 'up', '--config', file], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  cleanups.unshift(() => {
    child.kill('SIGTERM');
    return ended;
  });
  let said = '';
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => {
      said += text;
      if (said.includes('node is up')) resolve();
    });
    child.on('close', () => reject(new Error(`the node ended: ${said}`)));
  });
}

/** @returns a function that times one start of A to the first echo of B; undefined where there can be no lab. */
async function prepareLab() {
  const { missingForLab, Ping, preparePair } = await import(at('natlab/dist/index.js'));
  const missing = missingForLab();
  if (missing !== undefined) {
    process.stderr.write(`to the first echo: skipped, ${missing}\n`);
    return undefined;
  }
  const { lab, server, a, b } = await preparePair({ a: 'none', b: 'none' });
  cleanups.unshift(() => lab.remove());
  await server.start();
  b.start();
  await b.untilRegistered();
  return async () => {
    const ping = Ping.start(lab, 'a', b.address, 10);
    const { startedAtMs } = a.start();
    const { receivedAtMs } = await ping.firstReply({ afterMs: startedAtMs, timeoutMs: 15_000 });
    await ping.stop();
    await a.stop();
    return receivedAtMs - startedAtMs;
  };
}

try {
  const members = [member('a', 1), member('b', 2)];
  const running = await writeNode('running', members);
  const other = await writeNode('other', members.toReversed());
  await startNode(running);
  const echo = await prepareLab();
  for (let round = 0; round < rounds; round++) {
    note('node -e 0', await time(['-e', '0']));
    note('wirepath genkey', await time([...bundled, 'genkey']));
    note('wirepath status', await time([...bundled, 'status', '--json', '--config', running]));
    note('wirepath status, not bundled', await time([...asModules, 'status', '--json', '--config', running]));
    note('wirepath up, until it is up', await time([...bundled, 'up', '--config', other], 'node is up'));
    note('wirepath up, not bundled', await time([...asModules, 'up', '--config', other], 'node is up'));
    if (echo !== undefined) note('wirepath up, to the first echo', await echo());
  }
} finally {
  for (const cleanup of cleanups) await cleanup();
}

const bare = median(times.get('node -e 0'));
const rows = [...times].map(([what, all]) => ({
  what,
  ms: median(all),
  timesNode: median(all) / bare,
  leastMs: Math.min(...all),
}));
if (options.json) process.stdout.write(`${JSON.stringify({ rounds, rows }, null, 2)}\n`);
else {
  const head = ['', 'ms', 'x node', 'least ms'];
  process.stdout.write(
    `${table([head, ...rows.map(({ what, ms, timesNode, leastMs }) => [what, ms, timesNode, leastMs])])}\n`,
  );
}
