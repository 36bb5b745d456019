import {
  createNode,
  createServer,
  loadConfig,
  silentLogger,
  type Node,
  type Product,
  type RcFileContent,
} from '@wirepath/core';
import type { ListeningAddress } from '@wirepath/core/plugin';

const STOP_TIMEOUT_MS = 3000;

/**
 * The servers and nodes of a scenario, in this process and without a file. Everything goes through the API that embedders have.
 * Disposing stops it all, last first.
 */
export class DemoNetwork implements AsyncDisposable {
  readonly #product: Product;
  readonly #cleanups: (() => Promise<void>)[] = [];

  constructor(product: Product) {
    this.#product = product;
  }

  /** @returns where they listen. */
  async startServers(
    server: NonNullable<RcFileContent['server']>,
    signal: AbortSignal,
  ): Promise<readonly ListeningAddress[]> {
    const config = await loadConfig(this.#product, { value: { server } });
    const servers = await createServer(this.#product, config, { logger: silentLogger() });
    for (const running of servers) {
      this.onClose(() => running.stop());
      await running.start({ signal });
    }
    return servers.flatMap((running) => running.addresses());
  }

  /**
   * Not started yet.
   * @param plugins of the demo's own, besides those of the product, by the name that the rc file uses.
   */
  async createNode(value: RcFileContent, plugins: Product['plugins'] = {}): Promise<Node> {
    const product = { ...this.#product, plugins: { ...this.#product.plugins, ...plugins } };
    const node = await createNode(product, await loadConfig(product, { value }), { logger: silentLogger() });
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

async function bounded(stopping: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, STOP_TIMEOUT_MS);
  });
  await Promise.race([stopping, late]);
  clearTimeout(timer);
}
