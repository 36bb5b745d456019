// What the relay costs: memory of many allocations, and processor time of relayed packets over UDP, TCP and TLS, beside coturn.
//   node bench/relay.mjs [--allocations 10000] [--clients 40] [--rounds 3] [--coturn PATH] [--without TRICKS] [--json]
import { fork, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { decodeStunMessage, encodeStunMessage, longTermKey } from '@wirepath/stun-codec';
import { freePort } from './lib/free-port.mjs';
import { median } from './lib/median.mjs';
import { list, readOptions, wholeNumber } from './lib/options.mjs';
import { table } from './lib/table.mjs';

const USAGE = `node bench/relay.mjs [--allocations N] [--clients N] [--rounds N] [--coturn PATH] [--without TRICKS] [--json]
  --allocations N  held at a time on one server (default 10000; it takes as many ports and open files)
  --clients N      each sending 250 packets a second, or as many as it can (default 40)
  --rounds N       in which the servers take turns; medians are printed (default 3)
  --coturn PATH    of another turnserver than Debian's
  --without        tricks that the relay is to do without, one entry each, several joined by +: batches,gso,gro,gso+gro
  --only udp       leaves out allocations, TCP and TLS
On loopback. The relay is the real command. Packets need Debian's coturn, whose server is measured in the same run.`;

const options = readOptions(USAGE, {
  allocations: { type: 'string', default: '10000' },
  clients: { type: 'string', default: '40' },
  rounds: { type: 'string', default: '3' },
  coturn: { type: 'string', default: 'turnserver' },
  without: { type: 'string', default: '' },
  only: { type: 'string', default: '' },
});
const count = wholeNumber(options.allocations, 'allocations');
const clients = wholeNumber(options.clients, 'clients');
const rounds = wholeNumber(options.rounds, 'rounds');
const without = list(options.without, 'without');
const isUdpOnly = list(options.only, 'only', ['udp']).length > 0;

const IP = '127.0.0.1';
const REALM = 'bench';
const USER = { username: 'bench', secret: 'secret' };
/** Half of what a client waits for an answer at most. */
const AT_ONCE = 64;
const CLOCK_TICKS = 100;
const fixture = (name) => fileURLToPath(new URL(`../packages/source-relay/test/fixtures/${name}`, import.meta.url));
const [certFile, keyFile] = [fixture('test-only-server.crt'), fixture('test-only-server.key')];
const wirepath = fileURLToPath(new URL('../packages/cli/bin/wirepath.js', import.meta.url));
const loadProgram = fileURLToPath(new URL('lib/relay-load.mjs', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'wirepath-bench-'));

/** A server of either kind. */
class Server {
  constructor(command, args, ready) {
    this.child = spawn(command, args, { env: { ...process.env, XDG_RUNTIME_DIR: folder }, cwd: folder });
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
    // A run that fails leaves nothing behind.
    const kill = () => this.child.kill('SIGKILL');
    process.once('exit', kill);
    this.child.once('close', () => process.off('exit', kill));
    let said = '';
    this.started = new Promise((resolve, reject) => {
      const hear = (text) => {
        said += text;
        if (ready.test(said)) resolve();
      };
      this.child.stdout.on('data', hear);
      this.child.stderr.on('data', hear);
      this.child.once('close', () => reject(new Error(said)));
    });
  }

  get residentBytes() {
    const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.child.pid}/status`, 'latin1')) ?? [];
    return Number(kilobytes) * 1024;
  }

  get cpuSeconds() {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'latin1').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
  }

  /** @returns ms that it took. */
  async stop() {
    const startedAt = performance.now();
    this.child.kill('SIGTERM');
    await this.ended;
    return performance.now() - startedAt;
  }
}

/** @param avoid tricks to do without. */
async function startWirepath(avoid = []) {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const turn = {
    listen: `${IP}:${port}`,
    tls: { listen: `${IP}:${tlsPort}`, certFile, keyFile },
    realm: REALM,
    users: { [USER.username]: USER.secret },
    relayPorts: [32768, 65535],
    maxAllocations: 4 * count,
    allowPeers: ['127.0.0.0/8'],
    avoid,
  };
  const file = join(folder, 'server.json');
  await writeFile(file, JSON.stringify({ server: { turn }, log: { level: 'warn' } }), { mode: 0o600 });
  const server = new Server(process.execPath, [wirepath, 'serve', '--config', file], /up|listening|serving/i);
  await Promise.race([server.started, answering(port)]);
  return { server, port, tlsPort };
}

async function startCoturn() {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const args = [
    ...['-n', '--no-cli', '--no-dtls', '--no-multicast-peers', '--allow-loopback-peers', '--no-stdout-log'],
    ...['--listening-ip', IP, '--relay-ip', IP, '--listening-port', port, '--tls-listening-port', tlsPort],
    ...['--lt-cred-mech', '--user', `${USER.username}:${USER.secret}`, '--realm', REALM],
    ...['--cert', certFile, '--pkey', keyFile, '--pidfile', join(folder, 'pid'), '--userdb', join(folder, 'db')],
  ];
  const server = new Server(options.coturn, args.map(String), /never said/);
  await Promise.race([server.started, answering(port)]);
  return { server, port, tlsPort };
}

/** Asks until there is an answer. */
async function answering(port) {
  const socket = createSocket('udp4');
  const request = encodeStunMessage({ method: 'binding', class: 'request', transactionId: randomBytes(12) });
  let answered = false;
  socket.on('message', () => (answered = true)).on('error', () => undefined);
  for (let tries = 0; !answered && tries < 400; tries += 1) {
    socket.send(request, port, IP);
    await sleep(25);
  }
  socket.close();
  if (!answered) throw new Error(`nothing answers at port ${port}`);
}

/** One client with an address of its own, for a server gives a single one its share only: an allocation, kept. */
class Client {
  #socket = createSocket('udp4');
  #waiting;
  #nonce;

  constructor(port, number) {
    this.port = port;
    this.#socket.bind(0, `127.1.${number >> 8}.${number & 255}`);
    this.#socket.on('message', (bytes) => this.#waiting?.(decodeStunMessage(bytes)));
  }

  async allocate() {
    const challenge = await this.#request({ method: 'allocate', requestedTransport: 17 });
    this.#nonce = challenge.nonce;
    return this.ask({ method: 'allocate', requestedTransport: 17 });
  }

  async ask(fields) {
    const { username } = USER;
    const answer = await this.#request({ ...fields, username, realm: REALM, nonce: this.#nonce, integrityKey: KEY });
    if (answer?.class !== 'success') throw new Error(`${fields.method}: ${JSON.stringify(answer?.errorCode)}`);
  }

  close() {
    this.#socket.close();
  }

  async #request(fields) {
    const transactionId = randomBytes(12);
    const bytes = encodeStunMessage({ ...fields, class: 'request', transactionId });
    for (let tries = 0; tries < 8; tries += 1) {
      this.#socket.send(bytes, this.port, IP);
      const answer = await new Promise((resolve) => {
        const timer = setTimeout(resolve, 250 * 2 ** tries);
        this.#waiting = (message) => {
          if (!message?.transactionId.equals(transactionId)) return;
          clearTimeout(timer);
          resolve(message);
        };
      });
      if (answer !== undefined) return answer;
    }
    throw new Error(`${fields.method} was not answered`);
  }
}

const KEY = longTermKey(USER.username, REALM, USER.secret);

/** Some at a time. @returns ms that it took. */
async function each(list, action) {
  const startedAt = performance.now();
  const queue = [...list];
  const work = async () => {
    for (let one = queue.pop(); one !== undefined; one = queue.pop()) await action(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return performance.now() - startedAt;
}

async function allocations() {
  const { server, port } = await startWirepath();
  // What the first ones cost once: compiled code, and tables.
  const [warm, many] = [Math.ceil(count / 10), Array.from({ length: count }, (_, number) => new Client(port, number))];
  const first = many.slice(0, warm);
  await each(first, (client) => client.allocate());
  const before = server.residentBytes;
  const allocateMs = await each(many.slice(warm), (client) => client.allocate());
  const bytesEach = (server.residentBytes - before) / (count - warm);
  const refreshMs = await each(many, (client) => client.ask({ method: 'refresh' }));
  const stopMs = await server.stop();
  for (const client of many) client.close();
  return { allocations: count, bytesEach, allocateMs: (allocateMs * count) / (count - warm), refreshMs, stopMs };
}

const TRANSPORTS = { udp: [], tcp: ['-t'], tls: ['-t', '-S'] };

/** Relayed packets for each second of the server's processor time. */
async function packets({ server, port, tlsPort }, transport) {
  const before = server.cpuSeconds;
  const args = [
    ...['-u', USER.username, '-w', USER.secret, '-y', '-c', '-m', clients, '-n', 1000, '-l', 1200, '-z', 4],
    ...TRANSPORTS[transport],
    ...['-p', transport === 'tls' ? tlsPort : port, IP],
  ];
  const client = spawn('turnutils_uclient', args.map(String));
  let said = '';
  client.stdout.on('data', (text) => (said += text));
  client.stderr.on('data', (text) => (said += text));
  await new Promise((resolve) => client.once('close', resolve));
  const cpuSeconds = server.cpuSeconds - before;
  const [, sent, received] = [...said.matchAll(/tot_send_msgs=(\d+), tot_recv_msgs=(\d+)/g)].at(-1) ?? [];
  if (received === undefined) throw new Error(`turnutils_uclient: ${said}`);
  return { perCpuSecond: Number(received) / cpuSeconds, lost: Number(sent) - Number(received) };
}

async function throughput() {
  const rows = [];
  for (const transport of Object.keys(TRANSPORTS)) {
    const row = { transport };
    for (const [name, start] of [
      ['wirepath', startWirepath],
      ['coturn', startCoturn],
    ]) {
      const running = await start();
      row[name] = await packets(running, transport);
      await running.server.stop();
    }
    rows.push({ ...row, ratio: row.wirepath.perCpuSecond / row.coturn.perCpuSecond });
  }
  return rows;
}

/** Where there are two processors and `taskset`. */
function pin(pid, processor) {
  spawnSync('taskset', ['-acp', String(processor), String(pid)]);
}

/** What the clients of bench/lib/relay-load.mjs see, and what it costs the server. @param perSecond packets of all; 0: all they can */
async function load({ server, port }, sizeBytes, perSecond) {
  const child = fork(loadProgram);
  // It never sleeps: on the server's processor it would make packets wait for its time slice to end.
  pin(server.child.pid, 0);
  pin(child.pid, 1);
  const cpuSeconds = {};
  const result = await new Promise((resolve, reject) => {
    child.on('message', (message) => {
      if (typeof message === 'string') cpuSeconds[message] = server.cpuSeconds;
      else resolve(message);
    });
    child.once('close', () => reject(new Error('the clients ended early')));
    child.send({ port, clients, sizeBytes, perSecond, seconds: 4, credentials: { ...USER, realm: REALM } });
  });
  return { ...result, perCpuSecond: result.relayed / (cpuSeconds.end - cpuSeconds.begin) };
}

/** Medians of rounds in which the servers take turns. */
async function loads() {
  const rows = [];
  const servers = { wirepath: () => startWirepath() };
  if (hasCoturn) servers.coturn = startCoturn;
  for (const tricks of without) servers[`without ${tricks}`] = () => startWirepath(tricks.split('+'));
  for (const perSecond of [clients * 250, 0])
    for (const sizeBytes of [100, 1200]) {
      const of = Object.fromEntries(Object.keys(servers).map((name) => [name, []]));
      for (let round = 0; round < rounds; round += 1)
        for (const [name, start] of Object.entries(servers)) {
          const running = await start();
          of[name].push(await load(running, sizeBytes, perSecond));
          await running.server.stop();
        }
      const middle = (results) =>
        Object.fromEntries(Object.keys(results[0]).map((key) => [key, median(results.map((one) => one[key]))]));
      const ours = middle(of.wirepath);
      for (const [server, results] of Object.entries(of)) {
        const one = middle(results);
        rows.push({ perSecond, sizeBytes, server, ...one, ratio: ours.perCpuSecond / one.perCpuSecond });
      }
    }
  return rows;
}

const hasCoturn = [options.coturn, 'turnutils_uclient'].every(
  (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0,
);
const result = {
  held: isUdpOnly ? undefined : await allocations(),
  loads: await loads(),
  relayed: hasCoturn && !isUdpOnly ? await throughput() : [],
};
await rm(folder, { recursive: true, force: true });

if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  const { held, loads: ofLoads, relayed } = result;
  if (held !== undefined) {
    const rows = [
      ['allocations held', held.allocations],
      ['bytes of the server for each', Math.round(held.bytesEach)],
      ['ms to make them', Math.round(held.allocateMs)],
      ['ms to refresh them', Math.round(held.refreshMs)],
      ['ms from SIGTERM to the end', Math.round(held.stopMs)],
    ];
    process.stdout.write(`${table([['one server', ''], ...rows])}\n\n`);
  }
  process.stdout.write(
    `${table([
      ['UDP', 'bytes', 'server', 'packets per CPU second', 'lost', 'median ms', 'p99 ms', 'ours to it'],
      ...ofLoads.map(({ perSecond, sizeBytes, server, perCpuSecond, lost, medianMs, p99Ms, ratio }) => [
        ...[perSecond === 0 ? 'all they can' : `${perSecond}/s each way`, sizeBytes, server],
        ...[Math.round(perCpuSecond), lost, medianMs, p99Ms, ratio],
      ]),
    ])}\nms are of the way there and back, so through the relay twice.\n\n`,
  );
  if (!hasCoturn) process.stdout.write("Beside coturn: skipped, Debian's coturn is not installed\n");
  else if (relayed.length > 0) {
    process.stdout.write(
      `${table([
        ['turnutils_uclient, per CPU second', 'wirepath', 'lost', 'coturn', 'lost', 'ratio'],
        ...relayed.map(({ transport, wirepath: ours, coturn, ratio }) => [
          transport,
          Math.round(ours.perCpuSecond),
          ours.lost,
          Math.round(coturn.perCpuSecond),
          coturn.lost,
          ratio,
        ]),
      ])}\n`,
    );
  }
}
