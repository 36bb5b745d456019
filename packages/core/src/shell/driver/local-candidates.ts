import { formatAddress, type TransportAddress } from '@wirepath/stun-codec';
import { candidatePriority, type Candidate, type GatheredCandidate } from '../../contracts/candidate.js';
import type { CandidateSource, GatherContext } from '../../contracts/candidate-source.js';
import type { Clock } from '../../base/time/clock.js';
import type { Logger } from '../../base/logging/logger.js';
import { MAX_SIGNALLED_CANDIDATES, MAX_SIGNALLED_RELAYED, type SignalledCandidate } from '../../engine/messages.js';
import { whyNobodys } from '../../engine/pairs/refused-address.js';
import { reasonOf } from '../../base/errors/reason-of.js';
import { stackOf } from '../../base/errors/stack-of.js';
import { oneLine, Refusals } from '../../base/guard/refusals.js';
import { SLOW_AFTER_MS } from '../../base/time/deadline.js';
import { checkCandidate } from '../adapters/check-candidate.js';
import { takeWithin } from '../adapters/take-within.js';

/** Far more than a machine has addresses: what one source yields beyond that is not looked at. */
const MAX_GATHERED = 256;
/** Servers that do not answer take a few seconds; whoever waits for all sources waits no longer for one that hangs. */
const GATHER_LIMIT_MS = 25_000;
/** Lines that a source may have in `status`. */
const MAX_OWN_PROBLEMS = 16;

export interface NamedSource {
  readonly plugin: string;
  readonly instance: CandidateSource;
}

/** This node's candidates: gathered from every source at once, completed, deduplicated and sorted. */
export class LocalCandidates {
  readonly #bySource = new Map<string, readonly Candidate[]>();
  /** What failed in the newest gathering, by plugin: one line each. */
  readonly problems = new Map<string, string>();
  readonly #refusals: ReadonlyMap<string, Refusals>;

  constructor(
    readonly sources: readonly NamedSource[],
    readonly needs: {
      readonly clock: Clock;
      readonly logger: Logger;
      /** What sources are handed. */
      readonly sockets: () => Pick<GatherContext, 'datagrams' | 'listenPort'>;
    },
  ) {
    const { clock, logger } = needs;
    this.#refusals = new Map(
      sources.map(({ plugin }) => {
        const cure = `update or remove ${plugin}, or tell its author`;
        return [plugin, new Refusals({ plugin, what: 'candidate', cure, clock, logger })];
      }),
    );
  }

  /** For what else a source says that cannot be taken. */
  refusalsOf(plugin: string): Refusals | undefined {
    return this.#refusals.get(plugin);
  }

  /** Candidates that were refused since the start, by plugin. */
  counters(): Record<string, number> {
    return Object.assign({}, ...[...this.#refusals.values()].map((refusals) => refusals.counters())) as Record<
      string,
      number
    >;
  }

  /**
   * Asks every source. A source's earlier candidates stay until it is done, so that nothing goes missing meanwhile.
   * @param onCandidate called whenever the list may have changed.
   */
  async gather(signal: AbortSignal, onCandidate: () => void): Promise<void> {
    await Promise.all(this.sources.map((source) => this.#gatherFrom(source, signal, onCandidate)));
  }

  /** Candidates that come with something else than a source: allocations. */
  set(plugin: string, found: readonly GatheredCandidate[]): void {
    this.#bySource.set(
      plugin,
      found.map((candidate) => this.#complete(candidate, plugin)),
    );
  }

  /** Highest priority first; one candidate per base and address, the best of its kind. */
  list(): Candidate[] {
    const unique = new Map<string, Candidate>();
    const all = [...this.#bySource.values()].flat().sort((a, b) => b.priority - a.priority);
    for (const candidate of all) {
      const key = `${candidate.type === 'relayed' ? 'relay' : this.#baseId(candidate)}>${formatAddress(candidate.address)}`;
      if (!unique.has(key)) unique.set(key, candidate);
    }
    return [...unique.values()];
  }

  /** This node as servers see it, each address once, also where no NAT changes it and it is a host candidate too. */
  reflexive(): TransportAddress[] {
    const unique = new Map<string, TransportAddress>();
    for (const { type, address } of [...this.#bySource.values()].flat())
      if (type === 'server-reflexive') unique.set(formatAddress(address), address);
    return [...unique.values()];
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

  /** What peers are told: not more than a message holds, with room for the relayed ones, and nothing that peers refuse. */
  signalled(): SignalledCandidate[] {
    const useful = this.list().filter(
      ({ type, address }) => type !== 'peer-reflexive' && whyNobodys(address) === undefined,
    );
    const all = useful.map(({ type, address, priority }) => ({ type, address, priority }));
    const relayed = all.filter(({ type }) => type === 'relayed').slice(0, MAX_SIGNALLED_RELAYED);
    const others = all.filter(({ type }) => type !== 'relayed');
    return [...others.slice(0, MAX_SIGNALLED_CANDIDATES - relayed.length), ...relayed];
  }

  async #gatherFrom({ plugin, instance }: NamedSource, signal: AbortSignal, onCandidate: () => void): Promise<void> {
    const before = this.#bySource.get(plugin) ?? [];
    const found: Candidate[] = [];
    try {
      const { clock } = this.needs;
      const slow = (ms: number) => `${plugin}: gathering has not finished after ${ms / 1000} s; what it found counts`;
      const refusals = this.#refusals.get(plugin);
      refusals?.settleAll();
      const end = await takeWithin(
        () => instance.gather({ signal, ...this.needs.sockets() }),
        (given) => {
          const checked = checkCandidate(given, this.needs.sockets().datagrams?.bases ?? []);
          if ('why' in checked) return refusals?.refuse(checked.subject, checked.why);
          found.push(this.#complete(checked.candidate, plugin));
          this.#bySource.set(plugin, [...found, ...before]);
          onCandidate();
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
        this.needs.logger.warn('gathering is not waited for any longer', { plugin, afterMs: GATHER_LIMIT_MS });
      } else if (end !== 'aborted') this.problems.delete(plugin);
    } catch (error) {
      // One source that fails must not take the others' candidates with it.
      const reason = reasonOf(error);
      this.problems.set(plugin, `${plugin}: ${reason}`);
      this.needs.logger.warn('gathering candidates failed', { plugin, reason });
      this.needs.logger.debug('stack of the error', { plugin, stack: stackOf(error) });
    }
    if (signal.aborted) return;
    this.#bySource.set(plugin, found);
    onCandidate();
  }

  #complete(candidate: GatheredCandidate, plugin: string): Candidate {
    const localPreference = candidate.localPreference ?? (candidate.address.family === 6 ? 65535 : 65534);
    return {
      ...candidate,
      priority: candidatePriority(candidate.type, localPreference),
      foundation: [candidate.type, this.#baseId(candidate), candidate.server ?? ''].join('/'),
      source: plugin,
      discoveredAtMs: this.needs.clock.unixMs(),
    };
  }

  /** A candidate without a base belongs to the shared socket of its family. */
  #baseId({ base, address }: GatheredCandidate): string {
    const shared = this.needs.sockets().datagrams?.bases.find((one) => one.shared && one.family === address.family);
    return base?.id ?? shared?.id ?? `udp${address.family}`;
  }
}

/** Of what a plugin tells of itself, what is text. */
function toldLines(lines: readonly unknown[]): string[] {
  return lines.slice(0, MAX_OWN_PROBLEMS).flatMap((line) => (typeof line === 'string' ? [oneLine(line)] : []));
}
