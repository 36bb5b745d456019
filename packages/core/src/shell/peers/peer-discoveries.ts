import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../base/time/clock.js';
import type { Identity } from '../../base/identity/identity.js';
import type { Logger } from '../../base/logging/logger.js';
import type { PeerChange, PeerDiscovery } from '../../contracts/peer-discovery.js';
import { reasonInLine, Refusals } from '../../base/guard/refusals.js';
import { stackOf } from '../../base/errors/stack-of.js';
import { sleep } from '../../base/time/sleep.js';
import { checkPeerChange, subjectOf } from './check-peer-change.js';
import { PeerBook, type NamedKey, type PeerSink } from './peer-book.js';

export interface NamedDiscovery {
  /** As the rc file names it. */
  readonly plugin: string;
  readonly instance: PeerDiscovery;
}

export interface PeerDiscoveriesNeeds {
  /** The rc file's own comes first: its changes are checked where it is read, and its word goes before all others'. */
  readonly discoveries: readonly NamedDiscovery[];
  readonly sink: PeerSink;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly logger: Logger;
}

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 300_000;
/** One that ran for so long is no longer one that fails again and again. */
const STEADY_MS = 60_000;
/** Changes that are taken at once; one that has many, or no end of them, must not keep everything else waiting. */
const CHANGES_PER_TURN = 50;

/** Follows every peer discovery for as long as the node runs. What is wrong with one, or with one peer of it, is its own matter. */
export class PeerDiscoveries {
  readonly #needs: PeerDiscoveriesNeeds;
  readonly #book: PeerBook;
  readonly #refusals: ReadonlyMap<string, Refusals>;
  /** Why one is not being followed, by plugin. */
  readonly #stopped = new Map<string, string>();
  readonly #abort = new AbortController();

  constructor(needs: PeerDiscoveriesNeeds) {
    this.#needs = needs;
    const { discoveries, clock, logger, sink } = needs;
    this.#refusals = new Map(
      discoveries.map(({ plugin }) => {
        const cure = `correct this peer where ${plugin} has it from`;
        return [plugin, new Refusals({ plugin, what: 'peer', cure, clock, logger })];
      }),
    );
    this.#book = new PeerBook({
      sink,
      first: discoveries[0]?.plugin ?? '',
      onRefused: (owner, peer, why) => this.#refuse(owner, peer, why),
      onSettled: (owner, peer) => this.#settle(owner, peer),
    });
  }

  start(): void {
    for (const [index, discovery] of this.#needs.discoveries.entries()) void this.#follow(discovery, index === 0);
  }

  stop(): void {
    this.#abort.abort();
  }

  /** One line each. */
  problems(): string[] {
    const refused = [...this.#refusals.values()].flatMap((refusals) => refusals.problems());
    return [...this.#stopped.values(), ...refused];
  }

  counters(): Record<string, number> {
    return Object.assign({}, ...[...this.#refusals.values()].map((refusals) => refusals.counters())) as Record<
      string,
      number
    >;
  }

  async #follow({ plugin, instance }: NamedDiscovery, checked: boolean): Promise<void> {
    const { clock, logger } = this.#needs;
    const { signal } = this.#abort;
    for (let retryMs = FIRST_RETRY_MS; !signal.aborted; retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)) {
      const startedAt = clock.now();
      let reason = 'it ended by itself';
      try {
        await this.#listen(plugin, instance, checked);
      } catch (error) {
        reason = reasonInLine(error);
        if (!signal.aborted) logger.debug('stack of the error', { plugin, stack: stackOf(error) });
      }
      if (signal.aborted) return;
      if (clock.now() - startedAt >= STEADY_MS) retryMs = FIRST_RETRY_MS;
      logger.warn(`${plugin}: peer discovery stopped: ${reason}`, { plugin, reason, retryInMs: retryMs });
      this.#stopped.set(
        plugin,
        `${plugin}: peer discovery stopped: ${reason}; its peers stay, and it is asked again within ${LAST_RETRY_MS / 1000} s: if it does not go on, update or remove ${plugin}`,
      );
      await sleep(clock, retryMs, signal);
    }
  }

  async #listen(plugin: string, discovery: PeerDiscovery, checked: boolean): Promise<void> {
    const { signal } = this.#abort;
    let taken = 0;
    for await (const change of discovery.peers({ signal })) {
      if (signal.aborted) return;
      this.#stopped.delete(plugin);
      this.#take(plugin, change, checked);
      taken += 1;
      if (taken % CHANGES_PER_TURN === 0) await nextTurn();
    }
  }

  #take(plugin: string, value: PeerChange, checked: boolean): void {
    if (checked) return this.#book.take(plugin, value);
    const result = checkPeerChange(value, this.#needs.identity);
    if ('change' in result) this.#book.take(plugin, result.change);
    else if ('own' in result) this.#needs.logger.debug('our own entry is skipped', { plugin });
    else this.#refusals.get(plugin)?.refuse(result.subject, result.why, result.publicKey);
  }

  #refuse(owner: string, { publicKey, name }: NamedKey, why: string): void {
    this.#refusals.get(owner)?.refuse(subjectOf(publicKey, name), why, publicKey);
  }

  #settle(owner: string, { publicKey, name }: NamedKey): void {
    const refusals = this.#refusals.get(owner);
    refusals?.settle(publicKey);
    // One whose key was wrong was known by its name alone.
    if (name !== undefined) refusals?.settle(subjectOf(undefined, name));
  }
}
