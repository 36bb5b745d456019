import type { Node, Product } from '@wirepath/core';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../control/failure.js';

const STOP_TIMEOUT_MS = 3000;

/** An rc file, as an object. */
export type RcFile = Readonly<Record<string, unknown>>;

/**
 * Where a scenario runs: rc files in a temporary folder, servers and nodes in this process. Everything goes through the
 * API that embedders have. Disposing stops it all, last first, and removes the folder.
 */
export class Stage implements AsyncDisposable {
  readonly #product: Product;
  readonly #folder: string;
  readonly #cleanups: (() => Promise<void>)[] = [];
  #files = 0;

  private constructor(product: Product, folder: string) {
    this.#product = product;
    this.#folder = folder;
  }

  static async open(product: Product): Promise<Stage> {
    return new Stage(product, await mkdtemp(join(tmpdir(), `${product.name}-demo-`)));
  }

  async startServers(server: RcFile, signal: AbortSignal): Promise<void> {
    const { createServer: createServers, loadConfig, silentLogger } = await import('@wirepath/core');
    const config = await loadConfig(this.#product, { configPath: await this.#write({ server }), env: {} });
    for (const running of await createServers(this.#product, config, { logger: silentLogger() })) {
      this.#cleanups.push(() => running.stop());
      await running.start({ signal });
    }
  }

  /** Not started yet. */
  async createNode(rcFile: RcFile): Promise<Node> {
    const { createNode, loadConfig, silentLogger } = await import('@wirepath/core');
    const config = await loadConfig(this.#product, { configPath: await this.#write(rcFile), env: {} });
    const node = await createNode(this.#product, config, { logger: silentLogger() });
    this.#cleanups.push(() => node.stop());
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const cleanup of this.#cleanups.reverse()) await bounded(cleanup());
    } finally {
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  async #write(rcFile: RcFile): Promise<string> {
    this.#files += 1;
    const file = join(this.#folder, `${String(this.#files)}.json`);
    await writeFile(file, JSON.stringify(rcFile), { mode: 0o600 });
    return file;
  }
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new CommandError('NETWORK_CONFIG', 'no port of 127.0.0.1 is free'));
      });
    });
  });
}

async function bounded(stopping: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, STOP_TIMEOUT_MS);
  });
  await Promise.race([stopping, late]);
  clearTimeout(timer);
}
