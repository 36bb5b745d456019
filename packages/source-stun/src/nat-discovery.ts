import {
  NAT_DEPENDENCES,
  formatAddress,
  sameAddress,
  transportAddress,
  type Base,
  type Clock,
  type Datagrams,
  type NatBehavior,
  type NatDependence,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { LinkedAbort } from './linked-abort.js';
import { judgeFiltering, judgeMapping, type Observation } from './nat-verdict.js';
import { testSchedule } from './schedules.js';
import type { BindingAnswer, BindingOutcome, BindingRequest, StunClient } from './stun-client.js';

/** Whatever is not known by then stays unknown. Servers that keep their promises need a second and a round trip. */
const DEADLINE_MS = 3000;
/** Servers with another address that are tested at once: one is enough where it does as it says. */
const MAX_TESTED_AT_ONCE = 2;
/** Servers that are asked to compare the mapping, where none has another address. */
const MAX_COMPARED = 4;

/** A STUN server that has answered. */
export interface LiveServer {
  readonly address: TransportAddress;
  /** RFC 5780 OTHER-ADDRESS. */
  readonly other: TransportAddress | undefined;
  readonly rttMs: number | undefined;
}

export interface Discovery {
  readonly client: StunClient;
  readonly datagrams: Datagrams;
  readonly clock: Clock;
  readonly family: 4 | 6;
  /** Those of that family that have answered by now, the best first. */
  readonly servers: () => readonly LiveServer[];
  readonly signal: AbortSignal;
}

/**
 * NAT behaviour discovery (RFC 5780, sections 4.3 and 4.4) from a base of its own: a fresh port that the NAT
 * has never seen, so that nothing sent before, by this run or an earlier one, has opened the filter that is tested.
 * WireGuard's socket takes no part in it.
 *
 * Filtering comes first: the tests of mapping send to the alternate address and would open it.
 * @returns undefined when no server answered.
 */
export async function discoverNatBehavior({
  client,
  datagrams,
  clock,
  family,
  servers,
  signal,
}: Discovery): Promise<NatBehavior | undefined> {
  using stop = new LinkedAbort(signal);
  stop.abortAfter(DEADLINE_MS, clock);
  let base: Base | undefined;
  try {
    base = await datagrams.openBase(family, { signal: stop.signal });
    return await new BehaviorTests(client, base, servers, stop.signal).run();
  } finally {
    if (base !== undefined) datagrams.closeBase(base);
  }
}

/** A server that does RFC 5780, as far as is known. */
interface Tested {
  readonly address: TransportAddress;
  readonly other: TransportAddress;
  readonly rttMs: number | undefined;
  /** Of our base. */
  readonly mapped: TransportAddress;
}

class BehaviorTests {
  readonly #observations: Observation[] = [];
  #behavior: NatBehavior = { mapping: null, filtering: null };

  constructor(
    readonly client: StunClient,
    readonly base: Base,
    readonly servers: () => readonly LiveServer[],
    readonly signal: AbortSignal,
  ) {}

  async run(): Promise<NatBehavior | undefined> {
    const begun = new Set<string>();
    // More of them may answer meanwhile.
    while (this.#behavior.mapping === null || this.#behavior.filtering === null) {
      const next: LiveServer[] = [];
      for (const server of this.servers()) {
        if (server.other === undefined || begun.has(formatAddress(server.address))) continue;
        // Asking one must not open the filter that is tested with the other.
        if (next.length < MAX_TESTED_AT_ONCE && !next.some((one) => shareIp(one, server))) next.push(server);
      }
      if (next.length === 0) break;
      for (const { address } of next) begun.add(formatAddress(address));
      await this.#testWith(next);
    }
    if (this.#behavior.mapping === null) await this.#compareServers();
    return this.#observations.length === 0 ? undefined : this.#behavior;
  }

  async #testWith(servers: readonly LiveServer[]): Promise<void> {
    const answered = await Promise.all(servers.map((server) => this.#begin(server)));
    const tested = answered.filter((server) => server !== undefined);
    const filterings = await Promise.all(tested.map((server) => this.#testFiltering(server)));
    const verdicts = await Promise.all(
      tested.map((server, index) => this.#testMapping(server, filterings[index] ?? null)),
    );
    this.#behavior = {
      mapping:
        this.#behavior.mapping ?? judgeMapping(this.#observations) ?? first(verdicts.map(({ mapping }) => mapping)),
      filtering: this.#behavior.filtering ?? mostOpen(verdicts.map(({ filtering }) => filtering)),
    };
  }

  async #begin({ address, other, rttMs }: LiveServer): Promise<Tested | undefined> {
    const primary = await this.#ask(address, rttMs);
    return primary && other && { address, other, rttMs, mapped: primary.mapped };
  }

  /** Not where something was sent to the other address before: then its answers are no strangers'. */
  async #testFiltering({ address, other, rttMs }: Tested): Promise<NatDependence | null> {
    if (this.#observations.some(({ from }) => from.ip === other.ip)) return null;
    const [ipAndPort, port] = await Promise.all([
      this.#test(address, rttMs, 'ip-and-port'),
      this.#test(address, rttMs, 'port'),
    ]);
    return judgeFiltering({ ipAndPort, port });
  }

  /**
   * Asks the server's other corners, which shows what the mapping depends on, and whether silence was the NAT's doing.
   *
   * A filter by address may be kept for the host and not for the port. What is sent to the alternate address opens such a
   * one, and the next run, a minute later, would find it open. So where the filter is by address and the NAT keeps port
   * numbers, the alternate address is left alone, and the kept number taken for what the alternate address would see.
   */
  async #testMapping({ address, other, rttMs, mapped }: Tested, filtering: NatDependence | null): Promise<NatBehavior> {
    const spare = filtering === 'address-dependent' && mapped.port === this.base.port;
    const elsewhere = this.servers().find((one) => one.address.ip !== address.ip && one.address.ip !== other.ip);
    const askOtherIp = () => this.#ask(transportAddress(other.ip, address.port), rttMs);
    const [near, far] = await Promise.all([
      this.#ask(transportAddress(address.ip, other.port), rttMs),
      spare ? undefined : askOtherIp(),
      elsewhere && this.#ask(elsewhere.address, elsewhere.rttMs),
    ]);
    // Two that differ: it cannot be spared to ask a third.
    if (spare && elsewhere && judgeMapping(this.#observations) !== 'endpoint-independent') await askOtherIp();
    const kept = spare && near !== undefined && sameAddress(near.mapped, mapped);
    // Silence from where nobody answers at all says nothing of the NAT.
    const proven =
      filtering === 'endpoint-independent' ||
      (filtering === 'address-dependent' && (spare || far !== undefined)) ||
      (filtering === 'address-and-port-dependent' && near !== undefined);
    return { mapping: kept ? 'endpoint-independent' : null, filtering: proven ? filtering : null };
  }

  async #compareServers(): Promise<void> {
    const servers = this.servers().slice(0, MAX_COMPARED);
    await Promise.all(servers.map(({ address, rttMs }) => this.#ask(address, rttMs)));
    this.#behavior = { ...this.#behavior, mapping: judgeMapping(this.#observations) };
  }

  /** Asks, and notes what the answer shows of the mapping. */
  async #ask(server: TransportAddress, rttMs: number | undefined): Promise<BindingAnswer | undefined> {
    const outcome = await this.#test(server, rttMs);
    if (outcome.kind !== 'answered') return undefined;
    this.#observations.push({ from: server, mapped: outcome.mapped });
    return outcome;
  }

  #test(
    server: TransportAddress,
    rttMs: number | undefined,
    change?: NonNullable<BindingRequest['change']>,
  ): Promise<BindingOutcome> {
    const { base, signal } = this;
    return this.client.request({ base, server, signal, schedule: testSchedule(rttMs), ...(change && { change }) });
  }
}

function shareIp(one: LiveServer, another: LiveServer): boolean {
  const ips = [another.address.ip, another.other?.ip];
  return ips.includes(one.address.ip) || ips.includes(one.other?.ip);
}

function first<T>(values: readonly (T | null)[]): T | null {
  return values.find((value) => value !== null) ?? null;
}

/** What came through did so: it counts for more than what did not, and may have been lost. */
function mostOpen(verdicts: readonly (NatDependence | null)[]): NatDependence | null {
  return NAT_DEPENDENCES.find((one) => verdicts.includes(one)) ?? null;
}
