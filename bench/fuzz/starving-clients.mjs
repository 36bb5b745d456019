/**
 * Clients of the rendezvous server that try to have all of it for themselves: some register and vanish, some connect and say
 * nothing, some never read what is sent to them. Two that keep to the protocol send each other numbered messages the whole
 * time. The server is the real command, with its own limits.
 */
import { createIdentity, EdgeGuard, generatePrivateKey, silentLogger, systemClock, systemRandom } from '@wirepath/core';
import { StaticOutside } from '@wirepath/testkit';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { RendezvousClient } from '../../packages/signaling-rendezvous/dist/client/rendezvous-client.js';
import { ClientSession } from '../../packages/signaling-rendezvous/dist/protocol/client-session.js';
import { encodeFrame } from '../../packages/signaling-rendezvous/dist/protocol/message.js';
import { freePort } from '../lib/free-port.mjs';
import { HonestPair } from './honest-pair.mjs';

const { WebSocket } = createRequire(new URL('../../packages/signaling-rendezvous/package.json', import.meta.url))('ws');
const WIREPATH = fileURLToPath(new URL('../../packages/cli/bin/wirepath.js', import.meta.url));
const SUBPROTOCOL = 'rendezvous.v1';
const MAX_SEALED = 16_384;
const MAX_LOG_LINES = 60;
/** The server keeps 256 MiB for all clients together; the rest is the process, and what is not collected yet. */
const MAX_PEAK_MIB = 768;
/** Who reads nothing is cut off after ten seconds, and one more of the server's own for whoever has just begun. */
const CUT_OFF_WITHIN_MS = 20_000;

/**
 * @param count scales how many clients of each kind there are.
 * @param smallBuffers whether the kernel keeps next to nothing for who does not read, so that it is found out for sure.
 * @returns checks `{ ok, what }`.
 */
export async function starvingClients(count, smallBuffers, say) {
  const server = await RealServer.start();
  const pair = new HonestPair(RendezvousClient, honestNeeds, server.url);
  try {
    await pair.start();
    const clients = Math.min(200, Math.max(20, Math.ceil(count / 100)));
    for (const half of [1, 2]) {
      for (const [kind, attack] of Object.entries(ATTACKS)) {
        const startedAt = performance.now();
        await attack(server, clients);
        say(`clients that ${kind}, half ${half}: ${Math.round(performance.now() - startedAt)} ms`);
      }
    }
    const honest = await pair.end();
    await server.until(({ clients: left, handshakes, unproven }) => left + handshakes + unproven === 0, 30_000);
    const figures = await server.figures();
    const { closed, dropped, queuedBytes, problems } = figures;
    const cutOff = (closed['slow-reader'] ?? 0) + (closed['largest-queue'] ?? 0);
    const peak = await server.peakMebibytes();
    const lines = await server.logLines();
    return [
      {
        ok: honest.sent > 0 && honest.lost === 0,
        what: `starving clients: ${honest.sent} messages of honest clients beside them, ${honest.lost} lost, the longest took ${Math.round(honest.longestMs)} ms`,
      },
      { ok: server.isRunning, what: 'starving clients: the server still runs' },
      {
        ok: cutOff >= (smallBuffers ? 2 * clients : 1),
        what: `starving clients: ${cutOff} that did not read were disconnected, ${closed['largest-queue'] ?? 0} of them because memory was short`,
      },
      { ok: queuedBytes === 0, what: `starving clients: ${queuedBytes} bytes are left waiting` },
      { ok: (dropped.handshakes ?? 0) > 0, what: `starving clients: ${dropped.handshakes} silent connections yielded` },
      { ok: problems.length > 0, what: `starving clients: status tells: ${problems.join(' | ')}` },
      {
        ok: peak <= MAX_PEAK_MIB,
        what: `starving clients: the server never had more than ${peak} MiB of memory (at most ${MAX_PEAK_MIB})`,
      },
      { ok: lines < MAX_LOG_LINES, what: `starving clients: the server logged ${lines} lines` },
    ];
  } finally {
    await pair.end();
    await server.stop();
  }
}

const ATTACKS = { 'register and vanish': vanish, 'say nothing': saySilently, 'never read': neverRead };

/** From five addresses; without a word, and with a reset. */
async function vanish({ url }, clients) {
  for (let i = 0; i < 2 * clients; i++) {
    const { socket } = await register(url, `127.0.0.${10 + (i % 5)}`);
    if (i % 2 === 0) socket.terminate();
    else socket._socket.resetAndDestroy();
  }
}

async function saySilently({ port }, clients) {
  const sockets = [];
  for (let i = 0; i < 10 * clients + 1100; i++) {
    const socket = connect({ host: '127.0.0.1', port, localAddress: `127.0.0.${20 + (i % 5)}` });
    socket.on('error', () => undefined);
    if (i % 2 === 0) socket.write('GET / HTTP/1.1\r\nX: ');
    sockets.push(socket);
    if (i % 100 === 0) await sleep(5);
  }
  await sleep(500);
  for (const socket of sockets) socket.destroy();
}

/** More is sent to them than the server keeps for all clients together. */
async function neverRead(server, clients) {
  const deaf = [];
  for (let i = 0; i < clients; i++) {
    const client = await register(server.url, `127.0.0.${30 + (i % 5)}`);
    client.socket.pause();
    deaf.push(client);
  }
  const senders = [];
  for (let i = 0; i < Math.ceil(clients / 5); i++) senders.push(await register(server.url, '127.0.0.40'));
  const sealed = new Uint8Array(MAX_SEALED);
  for (let round = 0; round < 100; round++) {
    for (const [i, { socket }] of senders.entries()) {
      for (let j = 0; j < 10; j++) {
        const to = deaf[(i * 10 + j) % deaf.length].publicKey;
        socket.send(encodeFrame({ type: 'publish', to, sealed }));
      }
    }
    await sleep(10);
  }
  const before = await server.cutOff();
  // What the kernels' buffers took is read no more either: more follows until each is found out.
  for (const startedAt = performance.now(); performance.now() < startedAt + CUT_OFF_WITHIN_MS;) {
    for (const [i, { publicKey }] of deaf.entries()) {
      senders[i % senders.length].socket.send(encodeFrame({ type: 'publish', to: publicKey, sealed }));
    }
    await sleep(500);
    if ((await server.cutOff()) - server.cutOffBefore >= clients) break;
  }
  server.cutOffBefore = Math.max(before, await server.cutOff());
  for (const { socket } of [...deaf, ...senders]) socket.terminate();
}

/** Registers by way of an honest client's session. */
function register(url, localAddress) {
  const identity = createIdentity(generatePrivateKey());
  const socket = new WebSocket(url, SUBPROTOCOL, { localAddress });
  const session = new ClientSession({ url: `${url}/`, identity, random: systemRandom });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code) => reject(new Error(`the server refused a client: ${code}`)));
    socket.on('open', () => {
      session.start(0);
      session.opened(0);
    });
    socket.on('message', (data) => {
      for (const effect of session.receive(data, 0)) {
        if (effect.kind === 'send') socket.send(effect.bytes);
        if (effect.kind === 'state' && effect.state === 'up') resolve({ socket, publicKey: identity.publicKey });
      }
    });
  });
}

function honestNeeds() {
  const logger = silentLogger();
  const guard = EdgeGuard.create('honest client', { logger, clock: systemClock });
  const identity = createIdentity(generatePrivateKey());
  return { logger, clock: systemClock, guard, random: systemRandom, identity, outside: new StaticOutside() };
}

/** `wirepath serve`, asked over its control socket. */
class RealServer {
  cutOffBefore = 0;
  #folder;
  #child;
  #env;

  static async start() {
    const server = new RealServer();
    server.#folder = await mkdtemp(join(tmpdir(), 'wirepath-bench-'));
    server.port = await freePort();
    server.url = `ws://127.0.0.1:${server.port}`;
    const rc = { server: { rendezvous: { listen: `127.0.0.1:${server.port}` } } };
    await writeFile(server.#config, JSON.stringify(rc), { mode: 0o600 });
    server.#env = { ...process.env, XDG_RUNTIME_DIR: server.#folder, LOG: join(server.#folder, 'log') };
    const args = ['-c', 'exec "$0" "$@" >"$LOG" 2>&1', process.execPath, WIREPATH, 'serve', '--config', server.#config];
    server.#child = spawn('sh', args, { env: server.#env, stdio: 'ignore' });
    await server.until(() => true, 15_000);
    return server;
  }

  get isRunning() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async figures() {
    const args = [WIREPATH, 'status', '--json', '--config', this.#config];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: this.#env });
    const { parts, problems } = JSON.parse(stdout).server;
    return { ...parts[0].figures, problems };
  }

  /** How many were disconnected because they did not read. */
  async cutOff() {
    const { closed } = await this.figures();
    return (closed['slow-reader'] ?? 0) + (closed['largest-queue'] ?? 0);
  }

  async until(holds, withinMs) {
    for (const startedAt = performance.now(); ;) {
      const figures = await this.figures().catch(() => undefined);
      if (figures !== undefined && holds(figures)) return;
      if (performance.now() > startedAt + withinMs) throw new Error(`the server: ${JSON.stringify(figures)}`);
      await sleep(100);
    }
  }

  async peakMebibytes() {
    const [, kibibytes] = /^VmHWM:\s+(\d+)/m.exec(await readFile(`/proc/${this.#child.pid}/status`, 'latin1'));
    return Math.round(Number(kibibytes) / 1024);
  }

  async logLines() {
    return (await readFile(this.#env.LOG, 'utf8')).split('\n').length;
  }

  async stop() {
    if (this.isRunning) {
      const closed = new Promise((resolve) => this.#child.once('close', resolve));
      this.#child.kill('SIGTERM');
      await closed;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #config() {
    return join(this.#folder, 'server.json');
  }
}
