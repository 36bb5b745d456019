import {
  createNode,
  createServer,
  loadConfig,
  silentLogger,
  type LoadedConfig,
  type Node,
  type Product,
} from '@wirepath/core';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STOP_TIMEOUT_MS = 3000;

/** An rc file, as an object. */
export type RcFile = Readonly<Record<string, unknown>>;

/**
 * Where a scenario runs: servers and nodes in this process. Everything goes through the API that embedders have.
 * Disposing stops it all, last first.
 */
export class Stage implements AsyncDisposable {
  readonly #product: Product;
  readonly #cleanups: (() => Promise<void>)[] = [];

  constructor(product: Product) {
    this.#product = product;
  }

  async startServers(server: RcFile, signal: AbortSignal): Promise<void> {
    const config = await load(this.#product, { server });
    for (const running of await createServer(this.#product, config, { logger: silentLogger() })) {
      this.onClose(() => running.stop());
      await running.start({ signal });
    }
  }

  /**
   * Not started yet.
   * @param plugins of the demo's own, besides those of the product, by the name that the rc file uses.
   */
  async createNode(rcFile: RcFile, plugins: Product['plugins'] = {}): Promise<Node> {
    const product = { ...this.#product, plugins: { ...this.#product.plugins, ...plugins } };
    const node = await createNode(product, await load(product, rcFile), { logger: silentLogger() });
    this.onClose(() => node.stop());
    return node;
  }

  /** Called when all that was made later has stopped. */
  onClose(cleanup: () => Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const cleanup of this.#cleanups.reverse()) {
      // One that fails must not keep the others from running.
      await bounded(cleanup()).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** The file is there only while it is read, so that whatever ends the process leaves none, nor the key in it. */
async function load(product: Product, rcFile: RcFile): Promise<LoadedConfig> {
  const folder = await mkdtemp(join(tmpdir(), `${product.name}-demo-`));
  try {
    const configPath = join(folder, 'rc.json');
    await writeFile(configPath, JSON.stringify(rcFile), { mode: 0o600 });
    return await loadConfig(product, { configPath, env: {} });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bounded(stopping: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, STOP_TIMEOUT_MS);
  });
  await Promise.race([stopping, late]);
  clearTimeout(timer);
}
