/* global AbortController */
/**
 * Hostile datagrams on every open UDP socket and hostile clients at the rendezvous server, while an echo stream runs
 * through the tunnels; then the decoders one by one. Linux: it reads /proc to see the sockets. As root it runs in a network
 * namespace of its own, with a third node in front of wireguard-go where that is installed.
 */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { isCounted } from './fuzz/counted.mjs';
import { fuzzDecoders } from './fuzz/decoders.mjs';
import { hostileClients } from './fuzz/hostile-clients.mjs';
import { FOR_SERVERS, hostileKinds } from './fuzz/kinds.mjs';
import { oddLinks } from './fuzz/odd-links.mjs';
import { spoofedSources } from './fuzz/spoofed.mjs';
import { verdicts } from './fuzz/verdicts.mjs';
import { HostileSender } from './fuzz/sender.mjs';
import { starvingClients } from './fuzz/starving-clients.mjs';
import { strangers } from './fuzz/strangers.mjs';
import { SubjectProcess } from './fuzz/subject-process.mjs';
import { readOptions, wholeNumber } from './lib/options.mjs';
import { Random } from './lib/random.mjs';
import { figure, table } from './lib/table.mjs';

const USAGE = `usage: node bench/fuzz.mjs [--count N] [--seed N] [--only sockets|decoders|links|spoofed|clients] [--no-proxy] [--json]
  --count     datagrams of each kind, and calls of each decoder (1000000)
  --seed      of the generator (from the clock); printed, so that a run can be repeated
  --only      sockets: every open socket of two nodes and servers; decoders: one by one; links: link-local addresses
              over links with odd names, which takes root; spoofed: a flood of forged sources at the STUN/TURN server;
              clients: those of the rendezvous server that want all of it
  --no-proxy  without the node in front of wireguard-go
exit: 0 nothing was harmed, 1 something was, 2 bad usage`;

const options = readOptions(USAGE, {
  count: { type: 'string', default: '1000000' },
  seed: { type: 'string' },
  only: { type: 'string' },
  'no-proxy': { type: 'boolean' },
});
const count = wholeNumber(options.count, 'count');
const seed = options.seed === undefined ? Date.now() % 2 ** 32 : wholeNumber(options.seed, 'seed', 0);
const parts = options.only === undefined ? ['sockets', 'decoders', 'links', 'spoofed', 'clients'] : [options.only];
const PROGRESS_INTERVAL_MS = 10_000;
const INSIDE = 'WIREPATH_BENCH_NAMESPACE';

function say(text) {
  process.stderr.write(`${text}\n`);
}

/** As root: the same again in a network namespace with nothing but loopback, so that nothing else is met or disturbed. */
function enterNamespace() {
  const shell = ['sh', '-c', 'ip link set lo up && exec "$0" "$@"', process.execPath, ...process.argv.slice(1)];
  const run = spawnSync('unshare', ['--net', ...shell], { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  return run.error === undefined ? (run.status ?? 1) : undefined;
}

/** Says now and then how far it is. */
function progress(label, total) {
  let next = performance.now() + PROGRESS_INTERVAL_MS;
  return (done) => {
    if (performance.now() < next) return;
    next = performance.now() + PROGRESS_INTERVAL_MS;
    say(`  ${label}: ${figure(done)} of ${figure(total)}`);
  };
}

function endOf({ code, signal, stderr }) {
  return `the process under test ended: ${signal ?? `exit ${code}`}\n${stderr}`;
}

async function fuzzSockets() {
  const installed = spawnSync('wireguard-go', ['--version'], { stdio: 'ignore' }).error === undefined;
  const proxy = !options['no-proxy'] && process.env[INSIDE] === '1' && installed;
  if (!proxy && !options['no-proxy']) say('without a node in uapi mode: that takes root, unshare and wireguard-go');
  const subject = new SubjectProcess({ proxy });
  const aborting = new AbortController();
  let sender;
  subject.onEnd = (error) => aborting.abort(error);
  try {
    await subject.ready;
    const about = await subject.ask('about');
    const random = new Random(seed);
    sender = new HostileSender(about.pid, random);
    await sender.open();
    const kinds = hostileKinds(random, about);
    const { signal } = aborting;
    const sockets = await subject.ask('sockets');
    const genuine = new Set(about.samples);
    const mustCount = (target, bytes) => isCounted(sockets, genuine, target, bytes);
    const steps = [];
    const step = async (kind, half, amount, act) => {
      const before = await subject.ask('counters');
      const dropsBefore = sender.kernelDrops;
      const startedAt = performance.now();
      const outcome = await act(progress(kind, amount));
      const seconds = (performance.now() - startedAt) / 1000;
      const after = await subject.ask('counters');
      const memory = await subject.ask('memory');
      const kernelDrops = sender.kernelDrops - dropsBefore;
      steps.push({ kind, half, amount, seconds, before, after, memory, kernelDrops, outcome });
      say(`${kind}, half ${half}: ${figure(amount)} in ${figure(seconds)} s`);
    };
    // Tables and caches fill in the first half, and code is compiled: what grows in the second, which is like it, grows without end.
    const amount = Math.ceil(count / 2);
    const clients = Math.max(50, Math.ceil(count / 200));
    let memoryBetween;
    for (const half of [1, 2]) {
      for (const [kind, make] of Object.entries(kinds)) {
        await step(kind, half, amount, (onProgress) =>
          sender.send(`${kind}, half ${half}`, make, amount, {
            signal,
            onProgress,
            mustCount,
            at: FOR_SERVERS.has(kind) ? (target) => sockets.stunPorts.includes(target.port) : () => true,
          }),
        );
      }
      await step('rendezvous clients', half, clients, (onProgress) =>
        hostileClients(about.rendezvous, random, clients, { signal, onProgress }),
      );
      await step("strangers' messages", half, clients, (onProgress) =>
        strangers(about.rendezvous, about.publicKeys, random, clients, { signal, onProgress }),
      );
      memoryBetween ??= await subject.ask('memory');
    }
    const memoryAfter = await subject.ask('memory');
    const echo = await subject.ask('echo');
    const ended = await subject.stop();
    return {
      steps,
      memoryBetween,
      memoryAfter,
      echo,
      sockets,
      targets: [...sender.targets.values()],
      sent: sender.sent,
      ended,
      proxy,
    };
  } catch (error) {
    return { failed: subject.ended === undefined ? error.message : endOf(subject.ended) };
  } finally {
    sender?.close();
    await subject.stop();
  }
}

/** Far fewer than the other kinds: what matters is where they come from. */
async function fuzzLinks() {
  if (process.getuid() === 0) return oddLinks(seed, Math.ceil(count / 100), say);
  say('without odd links: that takes root');
  return [];
}

async function fuzzClients() {
  // In a namespace of our own: the kernel's buffers would take hundreds of megabytes before the server holds any of them.
  const isInside = process.env[INSIDE] === '1';
  if (isInside) await limitTcpBuffers();
  return starvingClients(count, isInside, say);
}

async function limitTcpBuffers() {
  for (const name of ['tcp_rmem', 'tcp_wmem']) await writeFile(`/proc/sys/net/ipv4/${name}`, '4096 16384 65536');
}

async function main() {
  if (process.platform !== 'linux') {
    say('this needs Linux: it looks at sockets in /proc');
    return 1;
  }
  if (process.getuid() === 0 && process.env[INSIDE] === undefined && options.only !== 'links') {
    const code = enterNamespace();
    if (code !== undefined) return code;
    say('no unshare: running beside everything else');
  }
  say(`seed ${seed}`);
  const sockets = parts.includes('sockets') ? await fuzzSockets() : undefined;
  const decoders = parts.includes('decoders') ? await fuzzDecoders(new Random(seed), count, say) : [];
  const links = parts.includes('links') ? await fuzzLinks() : [];
  const spoofed = parts.includes('spoofed') ? await spoofedSources(seed, say) : [];
  const clients = parts.includes('clients') ? await fuzzClients() : [];
  const report = verdicts({ seed, count, sockets, decoders, links, spoofed, clients });
  if (options.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  else {
    for (const rows of report.tables) process.stdout.write(`${table(rows)}\n\n`);
    for (const { ok, what } of report.checks) process.stdout.write(`${ok ? 'ok  ' : 'FAIL'}  ${what}\n`);
  }
  return report.ok ? 0 : 1;
}

process.exitCode = await main();
