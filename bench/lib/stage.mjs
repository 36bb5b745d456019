/* global AbortController */
/** Servers and nodes in this process, through the API that embedders have; the rc files are in a temporary folder. */
import { createIdentity, createNode, createServer, formatKey, generatePrivateKey, loadConfig } from '@wirepath/core';
import { EdgeGuard, silentLogger, systemClock } from '@wirepath/core';
import { wirepath } from '@wirepath/cli';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

export class Stage {
  #folder;
  #files = 0;
  #cleanups = [];
  /** Of all that runs here: what failed in callbacks. */
  guard = EdgeGuard.create('stage', { logger: silentLogger(), clock: systemClock });

  static async open() {
    const stage = new Stage();
    stage.#folder = await mkdtemp(join(tmpdir(), 'wirepath-bench-'));
    return stage;
  }

  /** @returns the running server parts. */
  async startServers(server) {
    const servers = await createServer(wirepath, await this.#load({ server }), {
      logger: silentLogger(),
      guard: this.guard,
    });
    for (const running of servers) {
      this.#cleanups.push(() => running.stop());
      await running.start({ signal: new AbortController().signal });
    }
    return servers;
  }

  /** Not started yet. */
  async createNode(rc) {
    const node = await createNode(wirepath, await this.#load(rc), { logger: silentLogger(), guard: this.guard });
    this.#cleanups.push(() => node.stop());
    return node;
  }

  async close() {
    for (const cleanup of this.#cleanups.reverse()) await cleanup();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #load(rc) {
    this.#files += 1;
    const configPath = join(this.#folder, `${this.#files}.json`);
    await writeFile(configPath, JSON.stringify(rc), { mode: 0o600 });
    return loadConfig(wirepath, { configPath, env: {} });
  }
}

/** A name, a key pair and an address in the tunnel. */
export function member(name, number) {
  const key = generatePrivateKey();
  const { publicKey } = createIdentity(key);
  return { name, address: `10.77.0.${number}`, privateKey: formatKey(key), publicKey };
}

/** The rc file of `own` with the others as peers. */
export function rcFile(own, others, plugins) {
  return {
    privateKey: own.privateKey,
    // Network namespaces share the folder of UAPI sockets.
    interface: `wpb${process.pid}${own.name}`,
    addresses: [`${own.address}/24`],
    plugins,
    peers: others.map(({ name, publicKey, address }) => ({
      name,
      publicKey,
      allowedIps: [`${address}/32`],
      keepalive: 25,
    })),
  };
}

/** Waits until every peer of every node has a session over a path. */
export async function untilConnected(nodes, timeoutMs = 15_000) {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const peers = nodes.flatMap((node) => node.status().peers);
    const up = ({ connection, lastHandshakeMs }) =>
      ['direct', 'hole-punched', 'relayed'].includes(connection) && lastHandshakeMs !== null;
    if (peers.every(up)) return;
    if (performance.now() > deadline) throw new Error(`not connected: ${JSON.stringify(peers)}`);
    await sleep(5);
  }
}

/** A port of this address that was free a moment ago, in TCP and UDP. */
export async function freePort(address = '127.0.0.1') {
  for (;;) {
    const tcp = createTcpServer();
    await new Promise((resolve, reject) => tcp.once('error', reject).listen(0, address, resolve));
    const { port } = tcp.address();
    const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const free = await new Promise((resolve) => {
      udp.once('error', () => resolve(false));
      udp.bind({ port, address, exclusive: true }, () => resolve(true));
    });
    udp.close();
    await new Promise((resolve) => tcp.close(resolve));
    if (free) return port;
  }
}
