import { CodedError, sameAddress, type Base, type Datagrams, type TransportAddress } from '@wirepath/core/plugin';
import { relayError } from '../relay-error.js';
import type { TurnSession } from '../turn-session.js';
import type { RelayConnection } from './connection.js';
import type { Dial } from './dial.js';
import { UdpConnection } from './udp-connection.js';

/** One try to find out which of a server's addresses answers first. */
const RACE_SCHEDULE = { rtoMs: 250, maxAttempts: 4, finalWaitFactor: 4 } as const;

export interface UdpDialOptions {
  readonly url: string;
  readonly addresses: readonly TransportAddress[];
  readonly datagrams: Datagrams;
  readonly open: (connection: RelayConnection) => TurnSession;
}

/** From the transport's shared sockets. Of one address there is nothing to ask; several are asked at once. */
export class UdpDial implements Dial {
  readonly #options: UdpDialOptions;
  #left: readonly TransportAddress[];

  constructor(options: UdpDialOptions) {
    this.#options = options;
    this.#left = options.addresses.filter(({ family }) => sharedBase(options.datagrams, family) !== undefined);
  }

  async first(signal: AbortSignal): Promise<TurnSession> {
    const { url } = this.#options;
    const sessions = this.#left.flatMap((address) => this.#open(address));
    const [only] = sessions;
    if (only === undefined) throw relayError(url, 'no socket of the address family that it has');
    if (sessions.length === 1) return only;
    const answered = sessions.map(async (session) => {
      const outcome = await session.bind({ signal, schedule: RACE_SCHEDULE });
      if (outcome.kind !== 'success') throw new Error('no answer');
      return session;
    });
    const winner = await Promise.any(answered).catch(() => undefined);
    for (const session of sessions) if (session !== winner) session.close();
    if (winner !== undefined) return winner;
    if (signal.aborted) throw new CodedError('ABORTED', `${url}: stopped while its addresses were tried`);
    throw relayError(url, 'none of its addresses answers');
  }

  leaveOut(server: TransportAddress): boolean {
    this.#left = this.#left.filter((address) => !sameAddress(address, server));
    return this.#left.length > 0;
  }

  async alternate(server: TransportAddress): Promise<TurnSession> {
    const [session] = this.#open(server);
    if (session === undefined) throw relayError(this.#options.url, 'no socket of the address family of its alternate');
    return session;
  }

  #open(server: TransportAddress): readonly TurnSession[] {
    const { datagrams, open } = this.#options;
    const base = sharedBase(datagrams, server.family);
    return base === undefined ? [] : [open(new UdpConnection({ datagrams, base, server }))];
  }
}

function sharedBase(datagrams: Datagrams, family: 4 | 6): Base | undefined {
  return datagrams.bases.find((base) => base.shared && base.family === family);
}
