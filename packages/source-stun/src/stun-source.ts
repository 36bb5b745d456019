import {
  CodedError,
  Counters,
  formatAddress,
  reasonOf,
  sameAddress,
  type CandidateSource,
  type Datagrams,
  type GatherContext,
  type GatheredCandidate,
  type NatBehavior,
  type PluginNeeds,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { askServers, type ServerAnswer } from './ask-servers.js';
import { learnBindingLifetime } from './binding-lifetime.js';
import { LinkedAbort } from './linked-abort.js';
import { MergedStream } from './merged-stream.js';
import { discoverNatBehavior } from './nat-discovery.js';
import { parseServerName, type ServerName } from './server-name.js';
import { STUN_DROP_REASONS, StunClient } from './stun-client.js';

export type StunSourceNeeds = Pick<PluginNeeds, 'logger' | 'clock' | 'random'> & {
  readonly outside: Pick<PluginNeeds['outside'], 'resolve'>;
};

/** What the NAT does, and the public address that it did it behind. */
interface Judgement {
  readonly behavior: NatBehavior;
  readonly publicIps: ReadonlySet<string>;
}

/**
 * Server-reflexive candidates: every server is asked at once, from every shared socket, and each answer is a candidate the
 * moment it comes. What the NAT does is found out beside it, and holds no candidate up.
 */
export class StunSource implements CandidateSource {
  /** Datagrams that looked like answers and were not taken for one, by reason. */
  readonly drops = new Counters(STUN_DROP_REASONS);
  readonly #roundTrips = new Map<string, number>();
  /** Why servers do not answer, by the text that names them. */
  #failures: ReadonlyMap<string, string> = new Map();
  /** What the newest gathering was told; undefined before the first. */
  #known: readonly ServerAnswer[] | undefined;
  #judgement: Judgement | undefined;

  #servers: readonly ServerName[];
  readonly #watchers = new Set<() => void>();

  constructor(
    servers: readonly ServerName[],
    readonly needs: StunSourceNeeds,
  ) {
    this.#servers = servers;
  }

  get servers(): readonly ServerName[] {
    return this.#servers;
  }

  /** Other servers are asked at once. */
  reload(options: unknown): undefined {
    const { servers } = options as { readonly servers: readonly string[] };
    this.#servers = servers.map(parseServerName).filter((server) => server !== undefined);
    this.#failures = new Map(
      [...this.#failures].filter(([text]) => this.#servers.some((server) => server.text === text)),
    );
    for (const onChange of this.#watchers) onChange();
  }

  /** Calls back when there are other servers to ask. */
  watch(onChange: () => void): Disposable {
    this.#watchers.add(onChange);
    return { [Symbol.dispose]: () => void this.#watchers.delete(onChange) };
  }

  counters(): Readonly<Record<string, number>> {
    return this.drops.snapshot();
  }

  /** @throws CodedError STUN_DISCOVERY when no server answers; it says why for each of them. */
  async *gather({ signal, datagrams }: GatherContext): AsyncIterable<GatheredCandidate> {
    if (datagrams === undefined || signal.aborted || this.servers.length === 0) return;
    using stop = new LinkedAbort(signal);
    const found = new MergedStream<GatheredCandidate>();
    const work = this.#gather(datagrams, stop.signal, (candidate) => found.push(candidate));
    // What it rejects with is thrown below; until then nobody waits for it.
    work.catch(() => undefined).finally(() => found.end());
    try {
      yield* found;
      await work;
    } finally {
      stop.abort();
      await work.catch(() => undefined);
    }
  }

  /**
   * Asks again, on the same sockets, and is done with the first answer that is new. What the NAT filters is not judged
   * again: our own traffic has opened it by now.
   */
  async refresh({ signal, datagrams }: GatherContext): Promise<boolean> {
    const known = this.#known;
    if (datagrams === undefined || known === undefined) return false;
    using client = this.#client(datagrams);
    let changed = false;
    const failures = await this.#ask(client, datagrams, signal, (answer) => {
      const before = mappingBefore(answer, known);
      if (before === 'the same') return;
      changed = true;
      this.needs.logger.info('our mapping has changed', {
        server: answer.server.text,
        before: before && formatAddress(before),
        now: formatAddress(answer.mapped),
      });
      return 'enough';
    });
    // After a change the others were not waited for: the gathering that follows asks them.
    if (!signal.aborted && !changed) this.#note(failures);
    return changed;
  }

  /** Asks the first server that can tell (RFC 5780), over minutes; undefined where none can. */
  async learnBindingLifetime({ signal, datagrams }: GatherContext): Promise<number | undefined> {
    const able = this.#known?.filter(({ other }) => other !== undefined).map(({ address }) => address) ?? [];
    // Over IPv6 nothing is translated, and a firewall's memory says nothing of a NAT's.
    const server = able.find(({ family }) => family === 4) ?? able[0];
    if (datagrams === undefined || server === undefined || signal.aborted) return undefined;
    using client = this.#client(datagrams);
    return await learnBindingLifetime({ client, datagrams, clock: this.needs.clock, server, signal });
  }

  natBehavior(): NatBehavior | undefined {
    return this.#judgement?.behavior;
  }

  /** One line when not all servers answer. */
  problems(): readonly string[] {
    const failed = this.servers.filter(({ text }) => this.#failures.has(text)).length;
    return failed === 0 ? [] : [describe(this.#failures, this.servers.length)];
  }

  async #gather(
    datagrams: Datagrams,
    signal: AbortSignal,
    onCandidate: (candidate: GatheredCandidate) => void,
  ): Promise<void> {
    using client = this.#client(datagrams);
    const answers: ServerAnswer[] = [];
    let discovery: Promise<void> | undefined;
    const discover = () => (discovery ??= this.#discover(client, datagrams, answers, signal));
    const failures = await this.#ask(client, datagrams, signal, (answer) => {
      const { server, base, mapped, address, other } = answer;
      const isNew = !answers.some((one) => one.base.id === base.id && sameAddress(one.mapped, mapped));
      answers.push(answer);
      if (isNew) onCandidate({ type: 'server-reflexive', address: mapped, base, server: server.text });
      // One that can tell all is enough; the rest need not be waited for.
      if (address.family === 4 && other !== undefined) void discover();
    });
    if (!signal.aborted) {
      this.#known = answers;
      this.#note(failures, { quiet: answers.length === 0 });
      if (answers.length === 0) {
        this.#judgement = undefined;
        throw new CodedError('STUN_DISCOVERY', describe(failures, this.servers.length));
      }
      void discover();
    }
    await discovery;
  }

  async #ask(
    client: StunClient,
    datagrams: Datagrams,
    signal: AbortSignal,
    onAnswer: (answer: ServerAnswer) => 'enough' | void,
  ): Promise<Map<string, string>> {
    return await askServers({
      servers: this.servers,
      client,
      datagrams,
      clock: this.needs.clock,
      roundTrips: this.#roundTrips,
      signal,
      onAnswer,
      // One that was silent may be elsewhere by now.
      resolve: (server, waiting) =>
        this.needs.outside.resolve(server, { ...waiting, again: this.#failures.has(server.text) }),
    });
  }

  /** Logs one line when the servers that do not answer are others than before. @param quiet the error says it. */
  #note(failures: ReadonlyMap<string, string>, { quiet = false } = {}): void {
    const before = this.#failures;
    this.#failures = failures;
    const same = failures.size === before.size && [...failures.keys()].every((text) => before.has(text));
    if (same || quiet) return;
    if (failures.size === 0) this.needs.logger.info('all STUN servers answer again');
    else this.needs.logger.warn(describe(failures, this.servers.length));
  }

  async #discover(
    client: StunClient,
    datagrams: Datagrams,
    answers: readonly ServerAnswer[],
    signal: AbortSignal,
  ): Promise<void> {
    const publicIps = new Set(answers.map(({ mapped }) => mapped.ip));
    const judged = this.#judgement;
    if (judged !== undefined && [...publicIps].some((ip) => judged.publicIps.has(ip))) {
      if (judged.behavior.mapping !== null && judged.behavior.filtering !== null) return;
    } else {
      // Another public address is another NAT, perhaps of another kind.
      this.#judgement = undefined;
    }
    try {
      const { clock } = this.needs;
      // IPv4, where there is any: that is what NATs are for.
      const family = answers.some(({ address }) => address.family === 4) ? 4 : 6;
      const servers = () => liveServers(answers, family);
      const behavior = await discoverNatBehavior({ client, datagrams, clock, family, servers, signal });
      if (behavior === undefined || signal.aborted) return;
      this.#judgement = { behavior, publicIps };
      this.needs.logger.debug('NAT behaviour', { ...behavior });
    } catch (error) {
      // No socket to be had for it: candidates do not depend on it.
      const reason = reasonOf(error);
      if (!signal.aborted) this.needs.logger.debug('NAT behaviour not found out', { reason });
    }
  }

  #client(datagrams: Datagrams): StunClient {
    const { clock, random } = this.needs;
    return new StunClient({ datagrams, clock, random, drops: this.drops });
  }
}

/** Those of the family, each once; those that can tell all first, and then the quickest. */
function liveServers(answers: readonly ServerAnswer[], family: 4 | 6): ServerAnswer[] {
  const unique = new Map<string, ServerAnswer>();
  for (const answer of answers) {
    const key = formatAddress(answer.address);
    if (answer.address.family === family && !unique.has(key)) unique.set(key, answer);
  }
  return [...unique.values()].sort((a, b) => Number(a.other === undefined) - Number(b.other === undefined));
}

/** @returns 'the same'; else what it was, as far as this server told. */
function mappingBefore(
  { base, address, mapped }: ServerAnswer,
  known: readonly ServerAnswer[],
): TransportAddress | 'the same' | undefined {
  const ofBase = known.filter((one) => one.base.id === base.id);
  const before = ofBase.find((one) => sameAddress(one.address, address))?.mapped;
  if (before !== undefined) return sameAddress(before, mapped) ? 'the same' : before;
  // A server that was silent: news only where no other one told it.
  return ofBase.some((one) => sameAddress(one.mapped, mapped)) ? 'the same' : undefined;
}

/** `1 of 2 STUN servers does not answer: stun.example.net:3478 (no answer)`. */
function describe(failures: ReadonlyMap<string, string>, count: number): string {
  const list = [...failures].map(([text, reason]) => `${text} (${reason})`).join(', ');
  if (failures.size === count)
    return count === 1 ? `the STUN server is of no use: ${list}` : `no STUN server is of use: ${list}`;
  return `${failures.size} of ${count} STUN servers ${failures.size === 1 ? 'is' : 'are'} of no use: ${list}`;
}
