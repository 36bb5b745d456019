import { formatAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { Clock, RandomSource } from '../../base/time/clock.js';
import { isLoopback } from '../../base/addresses/address-scope.js';
import { isDnsName } from '../../base/names/dns-name.js';
import type { AddressType } from '../../base/names/dns-codec.js';
import type { DnsOutcome } from '../../base/names/dns-question.js';
import { addressesInHosts } from '../../base/names/hosts-file.js';
import { namesToAsk, type ResolverConfig } from '../../base/names/resolv-conf.js';
import { within } from '../../base/time/deadline.js';
import { askQuestion, type OpenDnsLine } from './ask-question.js';
import type { NameSystem } from './name-system.js';
import { findResolvers } from './resolvers.js';
import { systemReason } from './system-reason.js';

const HOSTS_FILE = '/etc/hosts';
/** Lists against advertising are long. */
const HOSTS_MAX_BYTES = 8 * 1024 * 1024;
/** What stands in a file may be changed at any time. */
const HOSTS_TTL_SECONDS = 10;
const SYSTEM_TTL_SECONDS = 60;
/** Once one family has addresses, the other has this long: many resolvers are silent about IPv6. */
const OTHER_FAMILY_MS = 300;
/** How long servers are waited for when resolv.conf says nothing of it, and what it may say. */
const BUDGET_MS = 4000;
const BUDGET_MIN_MS = 2000;
const BUDGET_MAX_MS = 10_000;
const SYSTEM_LOOKUP_MS = 5000;

export interface LookUpNeeds {
  readonly system: NameSystem;
  readonly openLine: OpenDnsLine;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** CIDRs of our own interface. */
  readonly ownNetworks: readonly string[];
}

export interface Found {
  /** IP literals, at least one. */
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
  /** Who said so: `/etc/hosts`, `192.0.2.53:53`, `the system`. */
  readonly by: string;
}

/** Nobody gave an address: who was asked, and what each said. The message lists that. */
export class NotFound extends Error {
  /** At least one of them answered: asking again soon is of little use. */
  readonly isKnownMissing: boolean;

  constructor(said: ReadonlyMap<string, string>, isKnownMissing: boolean) {
    super([...said].map(([server, what]) => `${server}: ${what}`).join('; '));
    this.isKnownMissing = isKnownMissing;
  }
}

/** Looks up the addresses of a host name: the hosts file, the resolvers outside, those that may not be, the system. */
export class LookUp {
  readonly #needs: LookUpNeeds;
  /** Who answered last is asked first. */
  #preferred: string | undefined;
  #count = 0;
  /** One at a time: it may hold a thread for as long as it likes. */
  #systemLookup: Promise<unknown> = Promise.resolve();
  /** What came from resolvers and was no answer, since the start. */
  dropped = 0;

  constructor(needs: LookUpNeeds) {
    this.#needs = needs;
  }

  /** @throws NotFound; the signal's reason. */
  async addressesOf(host: string, signal: AbortSignal): Promise<Found> {
    const { system, ownNetworks } = this.#needs;
    const inFile = addressesInHosts((await system.readText(HOSTS_FILE, HOSTS_MAX_BYTES)) ?? '', host);
    if (inFile.length > 0) return { addresses: inFile, ttlSeconds: HOSTS_TTL_SECONDS, by: HOSTS_FILE };
    // RFC 6761: that is what it stands for, whoever is asked.
    if (/^(.*\.)?localhost\.?$/i.test(host)) {
      return { addresses: ['127.0.0.1', '::1'], ttlSeconds: SYSTEM_TTL_SECONDS, by: 'RFC 6761' };
    }
    const { config, outside, others } = await findResolvers(system, ownNetworks);
    const said = new Map<string, string>();
    this.#count += 1;
    for (const servers of [this.#inOrder(outside, config), others]) {
      const found = await this.#askServers(host, servers, config, said, signal);
      if (found !== undefined) return found;
    }
    return await this.#askSystem(host, said, signal);
  }

  #inOrder(servers: readonly TransportAddress[], { rotate }: ResolverConfig): readonly TransportAddress[] {
    const preferred = servers.findIndex((server) => formatAddress(server) === this.#preferred);
    const first = rotate ? this.#count % Math.max(1, servers.length) : Math.max(0, preferred);
    return rotate
      ? [...servers.slice(first), ...servers.slice(0, first)]
      : [...servers.slice(first, first + 1), ...servers.slice(0, first), ...servers.slice(first + 1)];
  }

  async #askServers(
    host: string,
    servers: readonly TransportAddress[],
    config: ResolverConfig,
    said: Map<string, string>,
    signal: AbortSignal,
  ): Promise<Found | undefined> {
    if (servers.length === 0) return undefined;
    for (const name of namesToAsk(host, config).filter(isDnsName)) {
      const outcomes = await this.#askBothFamilies(name, servers, config, signal);
      const found = outcomes.filter((outcome) => outcome.kind === 'found');
      const [first] = found;
      if (first !== undefined) {
        const server = servers[first.server];
        if (server !== undefined) this.#preferred = formatAddress(server);
        const ttlSeconds = Math.min(...found.map((outcome) => outcome.ttlSeconds));
        return { addresses: found.flatMap(({ addresses }) => addresses), ttlSeconds, by: nameOf(server) };
      }
      for (const outcome of outcomes) note(outcome, servers, said);
      // Who is silent about one name is silent about the next.
      if (outcomes.every(({ kind }) => kind === 'failed')) return undefined;
    }
    return undefined;
  }

  async #askBothFamilies(
    name: string,
    servers: readonly TransportAddress[],
    config: ResolverConfig,
    signal: AbortSignal,
  ): Promise<DnsOutcome[]> {
    const { clock, openLine } = this.#needs;
    // Imported when the first name is looked up: a node whose servers are addresses does not pay for it.
    const { DnsQuestion } = await import('../../base/names/dns-question.js');
    signal.throwIfAborted();
    const enough = new AbortController();
    const stop = (): void => enough.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    let timer: Disposable | undefined;
    const outcomes: DnsOutcome[] = [];
    const ask = async (type: AddressType): Promise<void> => {
      const { random } = this.#needs;
      const options = { name, type, servers, tcpOnly: config.tcpOnly, budgetMs: budgetMs(config), random };
      const question = new DnsQuestion(options);
      try {
        const outcome = await askQuestion(question, servers, { openLine, clock, signal: enough.signal });
        outcomes.push(outcome);
        if (outcome.kind === 'found') timer ??= clock.setTimeout(stop, OTHER_FAMILY_MS);
      } finally {
        this.dropped += question.dropped;
      }
    };
    await Promise.allSettled([ask('A'), ask('AAAA')]);
    timer?.[Symbol.dispose]();
    signal.removeEventListener('abort', stop);
    signal.throwIfAborted();
    return outcomes;
  }

  /**
   * Last, and only for what resolvers do not know, or where there are none: where they are silent, the system would ask the same
   * ones, unmarked.
   */
  async #askSystem(host: string, said: Map<string, string>, signal: AbortSignal): Promise<Found> {
    const { system, clock } = this.#needs;
    const isKnownMissing = [...said.values()].some(isDenial);
    if (isKnownMissing || said.size === 0) {
      const before = this.#systemLookup;
      const turn = before.then(() => (signal.aborted ? [] : system.lookup(host)));
      this.#systemLookup = turn.catch(() => undefined);
      try {
        const addresses = await within(() => turn, { clock, signal, timeoutMs: SYSTEM_LOOKUP_MS, what: 'look-up' });
        if (addresses.length > 0) return { addresses, ttlSeconds: SYSTEM_TTL_SECONDS, by: 'the system' };
      } catch (error) {
        signal.throwIfAborted();
        said.set('the system', systemReason(error));
      }
    }
    signal.throwIfAborted();
    throw new NotFound(said, isKnownMissing);
  }
}

function note(outcome: DnsOutcome, servers: readonly TransportAddress[], said: Map<string, string>): void {
  if (outcome.kind === 'nothing') said.set(nameOf(servers[outcome.server]), outcome.reason);
  if (outcome.kind !== 'failed') return;
  for (const [server, reason] of outcome.reasons) {
    const name = nameOf(servers[server]);
    // What is said of one family is not worth less than the silence about the other.
    if (!isDenial(said.get(name) ?? '')) said.set(name, reason);
  }
}

function isDenial(what: string): boolean {
  return what === 'no such name' || what === 'no address';
}

/** Without the port that goes without saying. */
function nameOf(server: TransportAddress | undefined): string {
  if (server === undefined) return 'nobody';
  const name = server.port === 53 ? server.ip : formatAddress(server);
  return isLoopback(server.ip) ? `${name} on this machine` : name;
}

function budgetMs({ timeoutSeconds, attempts }: ResolverConfig): number {
  if (timeoutSeconds === undefined && attempts === undefined) return BUDGET_MS;
  const saidMs = (timeoutSeconds ?? 2) * (attempts ?? 2) * 1000;
  return Math.min(BUDGET_MAX_MS, Math.max(BUDGET_MIN_MS, saidMs));
}
