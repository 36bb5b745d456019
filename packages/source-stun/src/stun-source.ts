import {
  formatAddress,
  resolveServer,
  sameAddress,
  type Base,
  type CandidateSource,
  type Clock,
  type Datagrams,
  type GatherContext,
  type GatheredCandidate,
  type Logger,
  type NatBehavior,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { discoverNatBehavior } from './nat-discovery.js';
import { MergedStream } from './merged-stream.js';
import type { ServerName } from './server-name.js';
import { StunClient } from './stun-client.js';

export interface StunSourceNeeds {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What one server said of one base. */
interface Mapping {
  readonly server: TransportAddress;
  readonly base: Base;
  mapped: TransportAddress;
}

/**
 * Server-reflexive candidates: every server is asked at once, from every shared socket, and each answer is a candidate the
 * moment it comes. What the NAT does is found out beside it, and holds nothing up.
 */
export class StunSource implements CandidateSource {
  #behavior: NatBehavior | undefined;
  #discovery: Promise<void> | undefined;
  #mappings: Mapping[] = [];
  /** What was wrong with each server, in one line; empty when all answered. */
  readonly #silent = new Set<string>();

  constructor(
    readonly servers: readonly ServerName[],
    readonly needs: StunSourceNeeds,
  ) {}

  async *gather({ signal, datagrams }: GatherContext): AsyncIterable<GatheredCandidate> {
    if (datagrams === undefined || this.servers.length === 0) return;
    using client = new StunClient(datagrams, this.needs.clock);
    const found = new MergedStream<GatheredCandidate>();
    const mappings: Mapping[] = [];
    const asked = this.servers.map(async (server) => {
      const answers = await this.#ask(client, datagrams, server, signal, (mapping) => {
        mappings.push(mapping);
        found.push(candidateOf(mapping, server));
      });
      this.#note(server, answers);
    });
    void Promise.all(asked).then(() => found.end());
    yield* found;
    if (signal.aborted) return;
    this.#mappings = mappings;
    const answered = this.servers.length - this.#silent.size;
    if (answered === 0) throw new Error(`no answer from ${this.servers.map(({ text }) => text).join(', ')}`);
    await this.#discover(client, datagrams, signal);
  }

  /** Asks again, on the same sockets. What the NAT filters is not judged again: our own traffic has opened it by now. */
  async refresh({ signal, datagrams }: GatherContext): Promise<boolean> {
    if (datagrams === undefined || this.#mappings.length === 0) return false;
    using client = new StunClient(datagrams, this.needs.clock);
    const changes = await Promise.all(
      this.#mappings.map(async (mapping) => {
        const answer = await client.request({ base: mapping.base, server: mapping.server, signal });
        if (answer === null || sameAddress(answer.mapped, mapping.mapped)) return false;
        // Another public address is another NAT, perhaps of another kind.
        if (answer.mapped.ip !== mapping.mapped.ip) this.#discovery = undefined;
        this.needs.logger.info('our mapping has changed', {
          server: formatAddress(mapping.server),
          before: formatAddress(mapping.mapped),
          now: formatAddress(answer.mapped),
        });
        return true;
      }),
    );
    return changes.includes(true);
  }

  natBehavior(): NatBehavior | undefined {
    return this.#behavior;
  }

  /** @returns whether any address of the server answered. */
  async #ask(
    client: StunClient,
    datagrams: Datagrams,
    server: ServerName,
    signal: AbortSignal,
    onMapping: (mapping: Mapping) => void,
  ): Promise<boolean> {
    let addresses: TransportAddress[];
    try {
      addresses = await resolveServer(server, { signal });
    } catch (error) {
      // An unresolvable server is a silent server; the others go on.
      this.needs.logger.debug('STUN server not resolved', { server: server.text, reason: (error as Error).message });
      return false;
    }
    const requests = addresses.flatMap((address) =>
      datagrams.bases
        .filter(({ shared, family }) => shared && family === address.family)
        .map(async (base) => {
          const answer = await client.request({ base, server: address, signal });
          if (answer !== null) onMapping({ server: address, base, mapped: answer.mapped });
          return answer !== null;
        }),
    );
    return (await Promise.all(requests)).includes(true);
  }

  #note(server: ServerName, answered: boolean): void {
    if (answered) this.#silent.delete(server.text);
    else if (!this.#silent.has(server.text)) {
      this.#silent.add(server.text);
      this.needs.logger.warn('STUN server does not answer', { server: server.text });
    }
  }

  #discover(client: StunClient, datagrams: Datagrams, signal: AbortSignal): Promise<void> {
    const servers = this.#mappings.map(({ server }) => server);
    this.#discovery ??= discoverNatBehavior(client, datagrams, servers, signal).then(
      (behavior) => {
        this.#behavior = behavior ?? this.#behavior;
        if (behavior === undefined) this.#discovery = undefined;
      },
      (error: unknown) => {
        this.#discovery = undefined;
        this.needs.logger.debug('NAT behaviour discovery failed', { reason: String(error) });
      },
    );
    return this.#discovery;
  }
}

function candidateOf({ base, mapped }: Mapping, server: ServerName): GatheredCandidate {
  return { type: 'server-reflexive', address: mapped, base, server: server.text };
}
