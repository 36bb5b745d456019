import type { GatherContext } from '../../contracts/candidate-source.js';
import type { Clock } from '../../base/time/clock.js';
import type { Logger } from '../../base/logging/logger.js';
import type { NatBehavior } from '../../contracts/nat-behavior.js';
import type { Transport } from '../../contracts/transport.js';
import type { LocalDescription } from '../../engine/events.js';
import type { Allocations } from './allocations.js';
import { BindingLifetime } from './binding-lifetime.js';
import { ClockWatch } from './clock-watch.js';
import { DescriptionHistory } from './description.js';
import { DEVICE_BASES } from './candidate-trials.js';
import { natBehaviorFault, plainNatBehavior } from '../adapters/check-candidate.js';
import { LocalCandidates, type NamedSource } from './local-candidates.js';
import { within } from '../../base/time/deadline.js';
import { reasonOf } from '../../base/errors/reason-of.js';
import { stackOf } from '../../base/errors/stack-of.js';

export interface GatheringNeeds {
  readonly transport: Pick<Transport, 'datagrams' | 'listenPort'>;
  readonly sources: readonly NamedSource[];
  readonly allocations: Allocations;
  /** Between two looks at every mapping. */
  readonly refreshIntervalMs: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The network may be another: a source has noticed something, or the machine slept. */
  readonly onNetworkEvent: () => void;
  readonly onDescription: (news: { description: LocalDescription; newGeneration: boolean }) => void;
}

/** One source that hangs must not end all refreshing. */
const REFRESH_LIMIT_MS = 45_000;
/** A mapping that is suspect is looked at at most this often. */
const MAPPING_CHECK_SPACING_MS = 1000;

/** Where this node can be reached: gathers from every source, describes what was found, and looks again when the network changes. */
export class Gathering {
  readonly candidates: LocalCandidates;
  readonly #needs: GatheringNeeds;
  readonly #history = new DescriptionHistory();
  readonly #bindingLifetime: BindingLifetime;
  readonly #clockWatch: ClockWatch;
  readonly #watches: Disposable[] = [];
  /** Of the run; undefined while it is stopped. */
  #signal: AbortSignal | undefined;
  #current: AbortController | undefined;
  #describeTimer: Disposable | undefined;
  #refreshTimer: Disposable | undefined;
  #mappingCheckedAt = -Infinity;

  constructor(needs: GatheringNeeds) {
    this.#needs = needs;
    const { sources, clock, logger } = needs;
    const sockets = () => this.#sockets;
    this.candidates = new LocalCandidates(sources, { clock, logger, sockets });
    this.#bindingLifetime = new BindingLifetime(sources, { logger, sockets, onLearnt: () => this.describeSoon() });
    this.#clockWatch = new ClockWatch(clock, (byMs) => {
      logger.info('the clock jumped: looking at the network again', { byMs });
      void this.#lookAgain();
    });
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    void this.gatherAnew();
    // What is slow to set up comes last: the servers' answers are on their way by now.
    for (const { instance } of this.#needs.sources) {
      const watch = instance.watch?.(() => {
        this.#needs.onNetworkEvent();
        void this.gatherAnew();
      });
      if (watch !== undefined) this.#watches.push(watch);
    }
    this.#clockWatch.start();
    this.#refreshLater();
  }

  stop(): void {
    this.#signal = undefined;
    for (const watch of this.#watches.splice(0)) watch[Symbol.dispose]();
    this.#describeTimer?.[Symbol.dispose]();
    this.#describeTimer = undefined;
    this.#refreshTimer?.[Symbol.dispose]();
    this.#clockWatch.stop();
    this.#bindingLifetime.stop();
  }

  /** Asks every source, until all are done. Works on a node that was not started, too. */
  async gather(signal: AbortSignal): Promise<void> {
    await this.candidates.gather(signal, () => this.describeSoon());
  }

  natBehavior(): NatBehavior {
    const bindingLifetimeMs = this.#bindingLifetime.ms;
    for (const { plugin, instance } of this.#needs.sources) {
      const behavior = instance.natBehavior?.();
      if (behavior === undefined) continue;
      const fault = natBehaviorFault(behavior);
      const refusals = this.candidates.refusalsOf(plugin);
      if (fault !== undefined) refusals?.refuse('the NAT behaviour', fault);
      else return { ...plainNatBehavior(behavior), ...(bindingLifetimeMs && { bindingLifetimeMs }) };
    }
    return { mapping: null, filtering: null };
  }

  /**
   * Looks again at every mapping and renews every allocation; one that fails or is slow keeps no other from it.
   * @returns true when a mapping, IP or port, has changed; all is then gathered anew.
   */
  async refresh(signal: AbortSignal): Promise<boolean> {
    const renewed = this.#needs.allocations.refresh(signal);
    const context = { signal, ...this.#sockets };
    let gathered: Promise<void> | undefined;
    await Promise.all(
      this.#needs.sources.map(async (source) => {
        // At the first change that one of them sees.
        if (await this.#refreshOne(source, context)) gathered ??= this.gatherAnew();
      }),
    );
    await Promise.all([renewed, gathered]);
    return gathered !== undefined;
  }

  /** Something that was sent did not arrive: the NAT may have forgotten the mapping. */
  checkMapping(): void {
    const now = this.#needs.clock.now();
    const signal = this.#signal;
    if (signal === undefined || now - this.#mappingCheckedAt < MAPPING_CHECK_SPACING_MS) return;
    this.#mappingCheckedAt = now;
    void this.refresh(signal);
  }

  /** Takes over the candidates that come with allocations. */
  addAllocations(): void {
    for (const [plugin, found] of this.#needs.allocations.candidates()) this.candidates.set(plugin, found);
  }

  /** What is found within one turn of the event loop goes into one description. */
  describeSoon(): void {
    if (this.#signal === undefined) return;
    this.#describeTimer ??= this.#needs.clock.setTimeout(() => {
      this.#describeTimer = undefined;
      this.#describe();
    }, 0);
  }

  get #sockets(): Pick<GatherContext, 'datagrams' | 'listenPort'> {
    const { datagrams, listenPort } = this.#needs.transport;
    return { datagrams, listenPort };
  }

  /** The network may have changed: what was proven before counts for less if an address is gone. */
  async gatherAnew(): Promise<void> {
    const signal = this.#signal;
    if (signal === undefined) return;
    // One that is under way asks about a network that may be gone, and may wait for servers that no longer answer.
    this.#current?.abort();
    const current = new AbortController();
    this.#current = current;
    const stop = () => current.abort();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await this.gather(current.signal);
      if (!current.signal.aborted) this.#bindingLifetime.learn(this.candidates.reflexive());
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** The machine was asleep: what was known of the network, and every path, has to be proven again. */
  async #lookAgain(): Promise<void> {
    const signal = this.#signal;
    if (signal === undefined) return;
    this.#needs.onNetworkEvent();
    this.#history.forget();
    this.#describe();
    await this.refresh(signal);
  }

  async #refreshOne({ plugin, instance }: NamedSource, context: GatherContext): Promise<boolean> {
    try {
      if (instance.refresh === undefined) return false;
      const changed: unknown = await within(() => instance.refresh?.(context), {
        clock: this.#needs.clock,
        signal: context.signal,
        timeoutMs: REFRESH_LIMIT_MS,
        what: `${plugin}: refresh`,
      });
      return changed === true;
    } catch (error) {
      const reason = reasonOf(error);
      this.#needs.logger.warn('refreshing candidates failed', { plugin, reason });
      this.#needs.logger.debug('stack of the error', { plugin, stack: stackOf(error) });
      return false;
    }
  }

  #refreshLater(): void {
    const signal = this.#signal;
    if (signal === undefined) return;
    this.#refreshTimer = this.#needs.clock.setTimeout(() => {
      void this.refresh(signal).finally(() => this.#refreshLater());
    }, this.#needs.refreshIntervalMs());
  }

  #describe(): void {
    const { allocations, transport } = this.#needs;
    this.addAllocations();
    const sockets = transport.datagrams?.bases
      .filter(({ shared }) => shared)
      .map(({ id, family }) => ({ id, family, kind: 'socket' as const }));
    const bases = [...(sockets ?? DEVICE_BASES), ...allocations.bases()];
    const description = { bases, candidates: this.candidates.signalled(), natBehavior: this.natBehavior() };
    const news = this.#history.next(description);
    if (news !== undefined) this.#needs.onDescription({ description, ...news });
  }
}
