/* global AbortController */
import { createNode, createServer, EdgeGuard, loadConfig, silentLogger, systemClock } from '@wirepath/core';
import { wirepath } from '@wirepath/cli';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** Servers and nodes in this process, through the API that embedders have and without a file. */
export class BenchNetwork {
  #cleanups = [];
  /** Of all that runs here: what failed in callbacks. */
  guard = EdgeGuard.create('bench', { logger: silentLogger(), clock: systemClock });

  /** @returns the running server parts. */
  async startServers(server) {
    const config = await loadConfig(wirepath, { value: { server } });
    const servers = await createServer(wirepath, config, { logger: silentLogger(), guard: this.guard });
    for (const running of servers) {
      this.#cleanups.push(() => running.stop());
      await running.start({ signal: new AbortController().signal });
    }
    return servers;
  }

  /** Not started yet. */
  async createNode(value) {
    const config = await loadConfig(wirepath, { value });
    const node = await createNode(wirepath, config, { logger: silentLogger(), guard: this.guard });
    this.#cleanups.push(() => node.stop());
    return node;
  }

  async close() {
    for (const cleanup of this.#cleanups.reverse()) await cleanup();
  }
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
