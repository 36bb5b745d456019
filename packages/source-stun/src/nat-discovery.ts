import {
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

/** Whatever is not known by then stays unknown. */
const DEADLINE_MS = 2000;
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
 * NAT behaviour discovery (RFC 5780, sections 4.3 and 4.4), within 2 s, from a base of its own: a fresh port that the NAT
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
  const timer = clock.setTimeout(() => stop.abort(), DEADLINE_MS);
  let base: Base | undefined;
  try {
    base = await datagrams.openBase(family, { signal: stop.signal });
    return await new BehaviorTests(client, base, servers, stop.signal).run();
  } finally {
    timer[Symbol.dispose]();
    if (base !== undefined) datagrams.closeBase(base);
  }
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
    const tested = new Set<string>();
    // More of them may answer meanwhile.
    for (;;) {
      const server = this.servers().find(({ address, other }) => other && !tested.has(formatAddress(address)));
      if (server?.other === undefined) break;
      tested.add(formatAddress(server.address));
      await this.#testWith(server, server.other);
      if (this.#behavior.mapping !== null && this.#behavior.filtering !== null) return this.#behavior;
    }
    if (this.#behavior.mapping === null) await this.#compareServers();
    return this.#observations.length === 0 ? undefined : this.#behavior;
  }

  /** One server with two IP addresses and two ports tells everything. */
  async #testWith(server: LiveServer, other: TransportAddress): Promise<void> {
    const { address, rttMs } = server;
    const primary = await this.#ask(address, rttMs);
    if (primary === undefined) return;
    let filtering = await this.#testFiltering(server, other);

    // A filter by address may be kept for the host and not for the port. What is sent to the alternate address opens such a
    // one, and the next run, a minute later, would find it open. So where the filter is by address and the NAT keeps port
    // numbers, the alternate address is left alone.
    const spare = filtering === 'address-dependent' && primary.mapped.port === this.base.port;
    const elsewhere = this.servers().find((one) => one.address.ip !== address.ip && one.address.ip !== other.ip);
    const otherIp = transportAddress(other.ip, address.port);
    const askOtherIp = () => this.#ask(otherIp, rttMs);
    const [near, far] = await Promise.all([
      this.#ask(transportAddress(address.ip, other.port), rttMs),
      spare ? undefined : askOtherIp(),
      elsewhere && this.#ask(elsewhere.address, elsewhere.rttMs),
    ]);
    // Two that differ: it cannot be spared to ask a third.
    if (spare && elsewhere && judgeMapping(this.#observations) !== 'endpoint-independent') await askOtherIp();
    let mapping = judgeMapping(this.#observations);
    if (mapping === null && spare && near !== undefined) {
      mapping = sameAddress(near.mapped, primary.mapped) ? 'endpoint-independent' : mapping;
    }
    // Silence from where nobody answers at all says nothing of the NAT.
    if (filtering === 'address-and-port-dependent' && near === undefined) filtering = null;
    if (filtering === 'address-dependent' && !spare && far === undefined) filtering = null;
    this.#behavior = {
      mapping: this.#behavior.mapping ?? mapping,
      filtering: this.#behavior.filtering ?? filtering,
    };
  }

  /** Not where something was sent to the other address before: then its answers are no strangers'. */
  async #testFiltering({ address, rttMs }: LiveServer, other: TransportAddress): Promise<NatDependence | null> {
    if (this.#observations.some(({ from }) => from.ip === other.ip)) return null;
    const [ipAndPort, port] = await Promise.all([
      this.#test(address, rttMs, 'ip-and-port'),
      this.#test(address, rttMs, 'port'),
    ]);
    return judgeFiltering({ ipAndPort, port });
  }

  async #compareServers(): Promise<void> {
    const servers = this.servers().slice(0, MAX_COMPARED);
    await Promise.all(servers.map(({ address, rttMs }) => this.#ask(address, rttMs)));
    this.#behavior = { ...this.#behavior, mapping: judgeMapping(this.#observations) };
  }

  /** Asks, and notes what the answer shows of the mapping. */
  async #ask(server: TransportAddress, rttMs: number | undefined): Promise<BindingAnswer | undefined> {
    const known = this.#observations.find(({ from }) => sameAddress(from, server));
    if (known !== undefined) return { kind: 'answered', mapped: known.mapped, other: undefined, rttMs };
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
    return this.client.request({
      base,
      server,
      signal,
      schedule: testSchedule(rttMs),
      ...(change && { change }),
    });
  }
}
