import { createNode, createServer, loadConfig, silentLogger, type Node, type Product } from '@wirepath/core';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
    const config = await loadConfig(this.#product, { configPath: await this.#write({ server }), env: {} });
    for (const running of await createServer(this.#product, config, { logger: silentLogger() })) {
      this.#cleanups.push(() => running.stop());
      await running.start({ signal });
    }
  }

  /**
   * Not started yet.
   * @param plugins of the demo's own, besides those of the product, by the name that the rc file uses.
   */
  async createNode(rcFile: RcFile, plugins: Product['plugins'] = {}): Promise<Node> {
    const product = { ...this.#product, plugins: { ...this.#product.plugins, ...plugins } };
    const config = await loadConfig(product, { configPath: await this.#write(rcFile), env: {} });
    const node = await createNode(product, config, { logger: silentLogger() });
    this.#cleanups.push(() => node.stop());
    return node;
  }

  /** Called when all that was made later has stopped. */
  onClose(cleanup: () => Promise<void>): void {
    this.#cleanups.push(cleanup);
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

async function bounded(stopping: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, STOP_TIMEOUT_MS);
  });
  await Promise.race([stopping, late]);
  clearTimeout(timer);
}
