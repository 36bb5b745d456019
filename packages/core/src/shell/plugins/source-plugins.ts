import type { Clock } from '../../base/time/clock.js';
import type { Logger } from '../../base/logging/logger.js';
import type { CandidateSource, GatherContext } from '../../contracts/candidate-source.js';
import type { NatBehavior } from '../../contracts/nat-behavior.js';
import type { SourceEffect } from '../driver/effects.js';
import type { DiscoveredCandidate, DriverEvent } from '../driver/events.js';
import { reasonOf } from '../../base/errors/reason-of.js';
import { stackOf } from '../../base/errors/stack-of.js';
import { oneLine, Refusals, shown } from '../../base/guard/refusals.js';
import { SLOW_AFTER_MS, within } from '../../base/time/deadline.js';
import { checkCandidate, isLifetimeMs, natBehaviorFault, plainNatBehavior } from './check-candidate.js';
import { takeWithin } from './take-within.js';

export interface NamedSource {
  readonly plugin: string;
  readonly instance: CandidateSource;
}

export interface SourcePluginsNeeds {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What sources are handed. */
  readonly sockets: () => Omit<GatherContext, 'signal'>;
  readonly onEvent: (event: DriverEvent) => void;
}

/** Far more than a machine has addresses: what one source yields beyond that is not looked at. */
const MAX_GATHERED = 256;
/** Servers that do not answer take a few seconds; whoever waits for all sources waits no longer for one that hangs. */
const GATHER_LIMIT_MS = 25_000;
/** One source that hangs must not end all refreshing. */
const REFRESH_LIMIT_MS = 45_000;
/** Lines that a source may have in `status`. */
const MAX_OWN_PROBLEMS = 16;

/** Candidate sources as the driver sees them: asks every plugin at once, and takes nothing that is no candidate. */
export class SourcePlugins {
  /** What failed in the newest gathering, by plugin: one line each. */
  readonly problems = new Map<string, string>();
  readonly #refusals: ReadonlyMap<string, Refusals>;
  readonly #watches: Disposable[] = [];
  #gathering: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  #learning: AbortController | undefined;

  constructor(
    readonly sources: readonly NamedSource[],
    readonly needs: SourcePluginsNeeds,
  ) {
    const { clock, logger } = needs;
    this.#refusals = new Map(
      sources.map(({ plugin }) => {
        const cure = `update or remove ${plugin}, or tell its author`;
        return [plugin, new Refusals({ plugin, what: 'candidate', cure, clock, logger })];
      }),
    );
  }

  /** What is slow to set up: the servers' answers are on their way by then. */
  watch(onChange: () => void): void {
    for (const { instance } of this.sources) {
      const watch = instance.watch?.(onChange);
      if (watch !== undefined) this.#watches.push(watch);
    }
  }

  stop(): void {
    for (const watch of this.#watches.splice(0)) watch[Symbol.dispose]();
    this.#gathering?.abort.abort();
    this.#learning?.abort();
  }

  perform(effect: SourceEffect): void {
    switch (effect.type) {
      case 'gather':
        return this.#gatherAnew();
      case 'learn-binding-lifetime':
        this.#learning?.abort();
        this.#learning = new AbortController();
        for (const source of this.sources) void this.#learnLifetime(source, this.#learning.signal);
    }
  }

  /** Asks every source, until all are done. Works on a node that was not started, too. */
  async gather(signal: AbortSignal): Promise<void> {
    await Promise.all(this.sources.map((source) => this.#gatherFrom(source, signal)));
  }

  /**
   * Looks again at every mapping; a source that fails or is slow keeps no other from it.
   * @returns true when a mapping, IP or port, has changed, and all is gathered anew.
   */
  async refresh(signal: AbortSignal): Promise<boolean> {
    const context = { signal, ...this.needs.sockets() };
    let changed = false;
    await Promise.all(
      this.sources.map(async (source) => {
        if (!(await this.#refreshOne(source, context))) return;
        // At the first change that one of them sees.
        if (!changed) this.needs.onEvent({ type: 'mapping-changed' });
        changed = true;
      }),
    );
    if (changed) await this.#gathering?.done;
    return changed;
  }

  /** Told with whatever is gathered; what a source says of the NAT may change at other times. */
  tellNatBehavior(): void {
    this.needs.onEvent({ type: 'nat-behavior', natBehavior: this.#natBehavior() });
  }

  /** What is wrong right now, one line each. */
  problemLines(): string[] {
    return this.sources.flatMap(({ plugin, instance }) => {
      const failure = this.problems.get(plugin);
      // What it says of itself is newer than what its newest gathering failed with.
      const own = toldLines(instance.problems?.() ?? []);
      const refused = this.#refusals.get(plugin)?.problems() ?? [];
      return [
        ...(own.length > 0 ? own.map((line) => `${plugin}: ${line}`) : failure === undefined ? [] : [failure]),
        ...refused,
      ];
    });
  }

  /** Candidates that were refused since the start, by plugin. */
  counters(): Record<string, number> {
    return Object.assign({}, ...[...this.#refusals.values()].map((refusals) => refusals.counters())) as Record<
      string,
      number
    >;
  }

  #gatherAnew(): void {
    this.#gathering?.abort.abort();
    const abort = new AbortController();
    const gathered = this.gather(abort.signal).then(() => {
      if (!abort.signal.aborted) this.needs.onEvent({ type: 'gathering-ended' });
    });
    this.#gathering = { abort, done: gathered };
  }

  async #gatherFrom({ plugin, instance }: NamedSource, signal: AbortSignal): Promise<void> {
    const { clock, logger, sockets, onEvent } = this.needs;
    const candidates: DiscoveredCandidate[] = [];
    try {
      const slow = (ms: number) => `${plugin}: gathering has not finished after ${ms / 1000} s; what it found counts`;
      const refusals = this.#refusals.get(plugin);
      refusals?.settleAll();
      const end = await takeWithin(
        () => instance.gather({ signal, ...sockets() }),
        (given) => {
          const checked = checkCandidate(given, sockets().datagrams?.bases ?? []);
          if ('why' in checked) return refusals?.refuse(checked.subject, checked.why);
          const candidate = { ...checked.candidate, discoveredAtMs: clock.unixMs() };
          candidates.push(candidate);
          this.tellNatBehavior();
          onEvent({ type: 'candidate', source: plugin, candidate });
        },
        {
          clock,
          signal,
          maxItems: MAX_GATHERED,
          limitMs: GATHER_LIMIT_MS,
          slowMs: SLOW_AFTER_MS,
          onSlow: () => this.problems.set(plugin, slow(SLOW_AFTER_MS)),
        },
      );
      if (end === 'too-many') refusals?.refuse('what comes after', `expected at most ${MAX_GATHERED} candidates`);
      if (end === 'late') {
        this.problems.set(plugin, `${slow(GATHER_LIMIT_MS)}: update or remove ${plugin}, or tell its author`);
        logger.warn('gathering is not waited for any longer', { plugin, afterMs: GATHER_LIMIT_MS });
      } else if (end !== 'aborted') this.problems.delete(plugin);
    } catch (error) {
      // One source that fails must not take the others' candidates with it.
      const reason = reasonOf(error);
      this.problems.set(plugin, `${plugin}: ${reason}`);
      logger.warn('gathering candidates failed', { plugin, reason });
      logger.debug('stack of the error', { plugin, stack: stackOf(error) });
    }
    if (signal.aborted) return;
    this.tellNatBehavior();
    onEvent({ type: 'gathered', source: plugin, candidates });
  }

  async #refreshOne({ plugin, instance }: NamedSource, context: GatherContext): Promise<boolean> {
    const { clock, logger } = this.needs;
    try {
      if (instance.refresh === undefined) return false;
      const changed: unknown = await within(() => instance.refresh?.(context), {
        clock,
        signal: context.signal,
        timeoutMs: REFRESH_LIMIT_MS,
        what: `${plugin}: refresh`,
      });
      return changed === true;
    } catch (error) {
      const reason = reasonOf(error);
      logger.warn('refreshing candidates failed', { plugin, reason });
      logger.debug('stack of the error', { plugin, stack: stackOf(error) });
      return false;
    }
  }

  async #learnLifetime({ plugin, instance }: NamedSource, signal: AbortSignal): Promise<void> {
    const { logger, sockets, onEvent } = this.needs;
    try {
      const ms = await instance.learnBindingLifetime?.({ signal, ...sockets() });
      if (ms === undefined || signal.aborted) return;
      if (!isLifetimeMs(ms)) throw new TypeError(`expected ms, found ${shown(ms)}`);
      logger.debug('the NAT remembers an idle mapping', { plugin, forMs: ms });
      onEvent({ type: 'binding-lifetime', ms });
    } catch (error) {
      // Keepalives then go by what is assumed.
      const reason = reasonOf(error);
      if (!signal.aborted) logger.debug('binding lifetime not found out', { plugin, reason });
    }
  }

  #natBehavior(): NatBehavior | undefined {
    for (const { plugin, instance } of this.sources) {
      const behavior = instance.natBehavior?.();
      if (behavior === undefined) continue;
      const fault = natBehaviorFault(behavior);
      if (fault === undefined) return plainNatBehavior(behavior);
      this.#refusals.get(plugin)?.refuse('the NAT behaviour', fault);
    }
    return undefined;
  }
}

/** Of what a plugin tells of itself, what is text. */
function toldLines(lines: readonly unknown[]): string[] {
  return lines.slice(0, MAX_OWN_PROBLEMS).flatMap((line) => (typeof line === 'string' ? [oneLine(line)] : []));
}
