import { memoryLogger, type MemoryLogger } from '@wirepath/core';
import { formatAddress, transportAddress, type GatheredCandidate, type Outside } from '@wirepath/core/plugin';
import { SeededRandom } from '@wirepath/testkit';
import { parseServerName } from '../src/server-name.js';
import { StunSource } from '../src/stun-source.js';
import { MemoryDatagrams, type MemoryInternet, type NatOptions } from './memory-internet.js';

const NEVER = new AbortController().signal;

export interface NodeOptions {
  readonly servers: readonly string[];
  readonly nat?: NatOptions;
  readonly families?: readonly (4 | 6)[];
  /** Left out: servers are addresses. */
  readonly resolve?: Outside['resolve'];
  /** Those of a node that was there before. */
  readonly datagrams?: MemoryDatagrams;
}

/** A source on a host of the {@link MemoryInternet}, and what it found. */
export class NodeUnderTest {
  readonly datagrams: MemoryDatagrams;
  readonly logger: MemoryLogger = memoryLogger();
  readonly source: StunSource;
  /** Candidates of the newest gathering, and when each came. */
  found: (GatheredCandidate & { readonly atMs: number })[] = [];

  constructor(
    readonly internet: MemoryInternet,
    options: NodeOptions,
  ) {
    this.datagrams = options.datagrams ?? new MemoryDatagrams(internet, options);
    this.source = new StunSource(
      options.servers.map((text) => {
        const server = parseServerName(text);
        if (server === undefined) throw new Error(`not a server: ${text}`);
        return server;
      }),
      {
        logger: this.logger,
        clock: internet.clock,
        random: new SeededRandom(1),
        outside: { resolve: options.resolve ?? (async ({ host, port }) => [transportAddress(host, port)]) },
      },
    );
  }

  get addresses(): string[] {
    return this.found.map(({ address }) => formatAddress(address));
  }

  /** Gathers, letting time pass until it is done. @returns how long it took. */
  async gather(signal = NEVER): Promise<number> {
    this.found = [];
    const { clock } = this.internet;
    const startMs = clock.now();
    let endMs = startMs;
    const work = (async () => {
      try {
        for await (const candidate of this.source.gather(this.#context(signal)))
          this.found.push({ ...candidate, atMs: clock.now() - startMs });
      } finally {
        endMs = clock.now();
      }
    })();
    await this.#passUntilDone(work);
    return endMs - startMs;
  }

  async refresh(signal = NEVER): Promise<{ changed: boolean; tookMs: number }> {
    const { clock } = this.internet;
    const startMs = clock.now();
    let endMs = startMs;
    const work = this.source.refresh(this.#context(signal)).finally(() => (endMs = clock.now()));
    const changed = await this.#passUntilDone(work);
    return { changed, tookMs: endMs - startMs };
  }

  #context(signal: AbortSignal) {
    return { signal, datagrams: this.datagrams, listenPort: 51_820 };
  }

  async #passUntilDone<T>(work: Promise<T>): Promise<T> {
    let done = false;
    work.then(
      () => (done = true),
      () => (done = true),
    );
    const { clock } = this.internet;
    for (let passedMs = 0; !done; passedMs += 5) {
      if (passedMs > 60_000) throw new Error('not done after a minute');
      await clock.advance(5);
    }
    return work;
  }
}
