import {
  formatAddress,
  type Base,
  type Clock,
  type Datagrams,
  type ResolveServerOptions,
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

export type ResolveName = (server: ServerName, options: ResolveServerOptions) => Promise<readonly TransportAddress[]>;

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
  onAnswer(answer: ServerAnswer): 'enough' | void;
}

/**
 * Asks all servers at once, from every shared socket. Ends when all have answered, a second after the first answer, or
 * when they are given up.
 * @returns why each server that did not answer failed, by its text.
 */
export async function askServers(asking: Asking): Promise<Map<string, string>> {
  const { servers, client, datagrams, clock, resolve, roundTrips } = asking;
  using stop = new LinkedAbort(asking.signal);
  const { signal } = stop;
  stop.abortAfter(BUDGET_MS, clock);
  let answered = false;
  // Two names may mean one server.
  const asked = new Map<string, Promise<BindingOutcome>>();
  const failures = new Map<string, string>();

  const askOnce = (server: ServerName, address: TransportAddress, base: Base): Promise<BindingOutcome> => {
    const key = `${base.id}>${formatAddress(address)}`;
    const outcome = asked.get(key) ?? ask(server, address, base);
    asked.set(key, outcome);
    return outcome;
  };
  const ask = async (server: ServerName, address: TransportAddress, base: Base): Promise<BindingOutcome> => {
    const text = formatAddress(address);
    const schedule = requestSchedule(roundTrips.get(text));
    const outcome = await client.request({ base, server: address, schedule, signal });
    if (outcome.kind !== 'answered' || signal.aborted) return outcome;
    const { mapped, other, rttMs } = outcome;
    if (rttMs !== undefined) roundTrips.set(text, rttMs);
    if (asking.onAnswer({ server, address, base, mapped, other, rttMs }) === 'enough') stop.abort();
    else if (!answered) {
      answered = true;
      stop.abortAfter(GRACE_MS, clock);
    }
    return outcome;
  };
  const askAllOf = async (server: ServerName): Promise<string | undefined> => {
    let addresses: readonly TransportAddress[];
    try {
      addresses = await resolve(server, { signal });
    } catch (error) {
      if (signal.aborted) return 'its name is not resolved';
      return `its name is not resolved: ${error instanceof Error ? error.message : String(error)}`;
    }
    const outcomes = await Promise.all(
      addresses
        .slice(0, MAX_ADDRESSES)
        .flatMap((address) =>
          datagrams.bases
            .filter(({ shared, family }) => shared && family === address.family)
            .map((base) => askOnce(server, address, base)),
        ),
    );
    if (outcomes.length === 0) return 'no address of a family that this node has a socket of';
    if (outcomes.some(({ kind }) => kind === 'answered')) return undefined;
    const unusable = outcomes.find((outcome) => outcome.kind === 'unusable');
    if (unusable !== undefined) return unusable.reason;
    return outcomes.some(({ kind }) => kind === 'silent') ? 'no answer' : 'no answer in time';
  };

  await Promise.all(
    servers.map(async (server) => {
      const failure = await askAllOf(server);
      if (failure !== undefined) failures.set(server.text, failure);
    }),
  );
  return failures;
}
