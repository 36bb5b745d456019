import {
  formatAddress,
  reasonOf,
  type Base,
  type Clock,
  type Datagrams,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { LinkedAbort } from './linked-abort.js';
import { requestSchedule } from './schedules.js';
import type { ServerName } from './server-name.js';
import type { BindingOutcome, StunClient } from './stun-client.js';

/** Once one server has answered, the others have this long. */
const GRACE_MS = 1000;
/** Requests give up after 5 s by themselves; the rest is for names. */
const BUDGET_MS = 15_000;
/** Of what a name resolves to. */
const MAX_ADDRESSES = 8;

/** What one address of a server said of one base. */
export interface ServerAnswer {
  readonly server: ServerName;
  readonly address: TransportAddress;
  readonly base: Base;
  readonly mapped: TransportAddress;
  /** RFC 5780 OTHER-ADDRESS. */
  readonly other: TransportAddress | undefined;
  readonly rttMs: number | undefined;
}

export type ResolveName = (
  server: ServerName,
  options: { readonly signal: AbortSignal },
) => Promise<readonly TransportAddress[]>;

export interface Asking {
  readonly servers: readonly ServerName[];
  readonly client: StunClient;
  readonly datagrams: Datagrams;
  readonly clock: Clock;
  readonly resolve: ResolveName;
  /** Newest round trip by address: read for retransmissions, and written. */
  readonly roundTrips: Map<string, number>;
  readonly signal: AbortSignal;
  /** Called once per address and base. @returns 'enough' where the others need not be waited for. */
  readonly onAnswer: (answer: ServerAnswer) => 'enough' | void;
}

/**
 * Asks all servers at once, from every shared socket. Ends when all have answered, a second after the first answer, or
 * when they are given up.
 * @returns why each server that did not answer failed, by its text.
 */
export async function askServers(asking: Asking): Promise<Map<string, string>> {
  using stop = new LinkedAbort(asking.signal);
  stop.abortAfter(BUDGET_MS, asking.clock);
  const round = new Round(asking, stop);
  const failures = new Map<string, string>();
  await Promise.all(
    asking.servers.map(async (server) => {
      const failure = await round.askAllOf(server);
      if (failure !== undefined) failures.set(server.text, failure);
    }),
  );
  return failures;
}

class Round {
  #answered = false;
  /** Two names may mean one server. */
  readonly #asked = new Map<string, Promise<BindingOutcome>>();

  constructor(
    readonly asking: Asking,
    readonly stop: LinkedAbort,
  ) {}

  /** @returns why it failed; undefined when one of its addresses answered. */
  async askAllOf(server: ServerName): Promise<string | undefined> {
    const { resolve, datagrams } = this.asking;
    const { signal } = this.stop;
    let addresses: readonly TransportAddress[];
    try {
      addresses = await resolve(server, { signal });
    } catch (error) {
      if (signal.aborted) return 'its name is not resolved';
      return `its name is not resolved: ${reasonOf(error)}`;
    }
    const bases = datagrams.bases.filter(({ shared }) => shared);
    const outcomes = await Promise.all(
      addresses
        .slice(0, MAX_ADDRESSES)
        .flatMap((address) =>
          bases.filter(({ family }) => family === address.family).map((base) => this.#askOnce(server, address, base)),
        ),
    );
    return outcomes.length === 0 ? 'no address of a family that this node has a socket of' : failureOf(outcomes);
  }

  #askOnce(server: ServerName, address: TransportAddress, base: Base): Promise<BindingOutcome> {
    const key = `${base.id}>${formatAddress(address)}`;
    const outcome = this.#asked.get(key) ?? this.#ask(server, address, base);
    this.#asked.set(key, outcome);
    return outcome;
  }

  async #ask(server: ServerName, address: TransportAddress, base: Base): Promise<BindingOutcome> {
    const { client, clock, roundTrips, onAnswer } = this.asking;
    const { signal } = this.stop;
    const text = formatAddress(address);
    const schedule = requestSchedule(roundTrips.get(text));
    const outcome = await client.request({ base, server: address, schedule, signal });
    if (outcome.kind !== 'answered' || signal.aborted) return outcome;
    const { mapped, other, rttMs } = outcome;
    if (rttMs !== undefined) roundTrips.set(text, rttMs);
    const isEnough = onAnswer({ server, address, base, mapped, other, rttMs }) === 'enough';
    if (isEnough) this.stop.abort();
    else if (!this.#answered) this.stop.abortAfter(GRACE_MS, clock);
    this.#answered = true;
    return outcome;
  }
}

function failureOf(outcomes: readonly BindingOutcome[]): string | undefined {
  if (outcomes.some(({ kind }) => kind === 'answered')) return undefined;
  const unusable = outcomes.find((outcome) => outcome.kind === 'unusable');
  if (unusable !== undefined) return unusable.reason;
  const silent = outcomes.filter((outcome) => outcome.kind === 'silent');
  const elsewhere = silent.find((outcome) => outcome.elsewhere !== undefined)?.elsewhere;
  if (elsewhere !== undefined)
    return `it answers from ${formatAddress(elsewhere)}, so its answers are not taken: let it listen on the address that is asked, or ask that one`;
  return silent.length > 0 ? 'no answer' : 'no answer in time';
}
