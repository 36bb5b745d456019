/**
 * A flood of forged sources at a STUN/TURN server, the real command, with honest clients beside it: Binding and Allocate of
 * clients that are new, Refresh and relayed data of one that has an allocation.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { transportAddress } from '@wirepath/stun-codec';
import { freePort } from '../lib/free-port.mjs';
import { figure } from '../lib/table.mjs';
import { HonestClient } from './honest-client.mjs';
import { udpSocketsOf } from './sockets.mjs';

const WIREPATH = fileURLToPath(new URL('../../packages/cli/bin/wirepath.js', import.meta.url));
const FLOOD = fileURLToPath(new URL('./spoofed-flood.mjs', import.meta.url));
const SECONDS = 5;
/** About 8 Mbit/s with their headers. */
const PER_SECOND = 20_000;
const USER = { username: 'lab', realm: 'lab', secret: 'secret' };
const OLD_CLIENT = '127.0.0.5';
const PEER = '127.0.0.9';
const CHANNEL = 0x4000;
const DATA_EVERY_MS = 10;
const NEW_CLIENT_EVERY_MS = 100;
const ECHO_WITHIN_MS = 1000;
const MAX_LOG_LINES = 40;

/** @returns checks `{ ok, what }`. */
export async function spoofedSources(seed, say) {
  const folder = await mkdtemp(join(tmpdir(), 'spoofed-'));
  const target = { address: '127.0.0.1', port: await freePort() };
  const server = await startServer(folder, target);
  try {
    const checks = [];
    for (const [what, source] of [
      ['nobody', null],
      ['any of 127/8', undefined],
      ["the honest client's own address", OLD_CLIENT],
    ])
      checks.push(...(await round(what, source, { seed, target, server, say })));
    const alive = server.exitCode === null && server.signalCode === null;
    checks.push({ ok: alive, what: 'forged sources: the server still runs' });
    const lines = (await readFile(join(folder, 'log'), 'utf8')).split('\n').length;
    checks.push({ ok: lines < MAX_LOG_LINES, what: `forged sources: the server logged ${lines} lines` });
    return checks;
  } finally {
    server.kill('SIGTERM');
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    await rm(folder, { recursive: true });
  }
}

async function startServer(folder, { address, port }) {
  const listen = `${address}:${port}`;
  const turn = { listen, realm: USER.realm, users: { [USER.username]: USER.secret }, allowPeers: ['127.0.0.0/8'] };
  const config = join(folder, 'server.json');
  await writeFile(config, JSON.stringify({ server: { stun: { listen }, turn } }), { mode: 0o600 });
  const log = join(folder, 'log');
  const shell = ['sh', '-c', `exec "$0" "$@" > '${log}' 2>&1`, process.execPath, WIREPATH, 'serve', '--config', config];
  const env = { ...process.env, XDG_RUNTIME_DIR: folder };
  const server = spawn(shell[0], shell.slice(1), { stdio: 'ignore', env });
  for (let tries = 0; tries < 10; tries++) {
    const probe = await HonestClient.open({ address, port }, USER, '127.0.0.1');
    const up = await probe.request({ method: 'binding' });
    probe.close();
    if (up) return server;
    if (server.exitCode !== null) break;
  }
  throw new Error(`the server did not come up\n${await readFile(log, 'utf8')}`);
}

/** @param source null: no flood; undefined: a new one all the time. */
async function round(what, source, { seed, target, server, say }) {
  const drops = () =>
    [...udpSocketsOf(server.pid).values()]
      .filter(({ port }) => port === target.port)
      .reduce((sum, one) => sum + one.drops, 0);
  const dropsBefore = drops();

  const relayed = await RelayedEcho.open(target);
  const flood = source === null ? undefined : await startFlood({ seed, target, pid: server.pid, source });
  const honest = await beside(target, relayed);
  const report = await flood?.end();
  const lostByKernel = drops() - dropsBefore;
  const title = `forged sources, flooded by ${what}`;
  say(
    `${title}: ${report === undefined ? 'nothing' : `${figure(report.sent / report.seconds)} datagrams a second from ${figure(report.sources)} sources, ${figure(report.sentBytes)} bytes sent, ${figure(report.answerBytes)} answered, waited ${report.waits} times`}; ${honest.repeated} honest requests were repeated; the kernel dropped ${lostByKernel}`,
  );
  const checks = ['bindings', 'allocations', 'refreshes', 'data'].map((kind) => {
    const { asked, answered } = honest[kind];
    return { ok: asked > 0 && answered === asked, what: `${title}: ${answered} of ${asked} ${kind} of honest clients` };
  });
  if (report !== undefined)
    checks.push({ ok: report.sent > PER_SECOND / 4, what: `${title}: ${figure(report.sent)} datagrams were sent` });
  if (report !== undefined && source !== undefined)
    checks.push({
      ok: report.answerBytes < report.sentBytes,
      what: `${title}: of ${figure(report.sentBytes)} bytes under one name ${figure(report.answerBytes)} came back to it`,
    });
  return checks;
}

async function startFlood({ seed, target, pid, source }) {
  const options = JSON.stringify({ seed, perSecond: PER_SECOND, target, pid, source });
  const child = spawn(process.execPath, [FLOOD, options], { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text) => (output += String(text)));
  await once(child.stdout, 'data');
  return {
    async end() {
      child.stdin.end();
      await once(child, 'close');
      return JSON.parse(output.slice(output.indexOf('\n') + 1));
    },
  };
}

/** A client with an allocation, and a peer that sends back what it gets. */
class RelayedEcho {
  static async open(target) {
    const peer = createSocket('udp4');
    peer.on('message', (bytes, { address, port }) => peer.send(bytes, port, address));
    await new Promise((resolve) => peer.bind({ address: PEER, port: 0 }, resolve));
    const client = await HonestClient.open(target, USER, OLD_CLIENT);
    const peerAddresses = [transportAddress(PEER, peer.address().port)];
    const made =
      (await client.request({ method: 'allocate', requestedTransport: 17 })) &&
      (await client.request({ method: 'channel-bind', channelNumber: CHANNEL, peerAddresses }));
    if (!made) throw new Error('no allocation');
    return new RelayedEcho(client, peer);
  }

  constructor(client, peer) {
    this.client = client;
    this.peer = peer;
  }

  async close() {
    await this.client.request({ method: 'refresh', lifetimeSeconds: 0 });
    this.client.close();
    this.peer.close();
  }
}

/** What honest clients do for as long as a round takes: a new one every 100 ms, and the relayed echo. */
async function beside(target, relayed) {
  const count = () => ({ asked: 0, answered: 0 });
  const honest = { bindings: count(), allocations: count(), refreshes: count(), data: count(), repeated: 0 };
  const note = async (kind, answer) => {
    honest[kind].asked += 1;
    if (await answer) honest[kind].answered += 1;
  };
  const { client: old } = relayed;
  const sentAt = new Map();
  old.onChannelData = (payload) => {
    const id = payload.readUInt32BE(0);
    if (performance.now() - (sentAt.get(id) ?? -Infinity) < ECHO_WITHIN_MS) honest.data.answered += 1;
    sentAt.delete(id);
  };
  const pending = [];
  const newClient = async (n) => {
    const client = await HonestClient.open(target, USER, `127.0.${1 + (n >> 7)}.${1 + (n & 127)}`);
    await note('bindings', client.request({ method: 'binding' }));
    await note('allocations', client.request({ method: 'allocate', requestedTransport: 17 }));
    await client.request({ method: 'refresh', lifetimeSeconds: 0 });
    honest.repeated += client.repeated;
    client.close();
  };
  const until = performance.now() + SECONDS * 1000;
  for (let n = 0; performance.now() < until; n++) {
    const payload = Buffer.alloc(100);
    payload.writeUInt32BE(n, 0);
    sentAt.set(n, performance.now());
    honest.data.asked += 1;
    old.sendChannelData(CHANNEL, payload);
    if (n % (NEW_CLIENT_EVERY_MS / DATA_EVERY_MS) === 0) {
      pending.push(newClient(n), note('refreshes', old.request({ method: 'refresh' })));
      pending.push(note('bindings', old.request({ method: 'binding' })));
    }
    await sleep(DATA_EVERY_MS);
  }
  await Promise.all(pending);
  await sleep(ECHO_WITHIN_MS);
  honest.repeated += old.repeated;
  await relayed.close();
  return honest;
}
