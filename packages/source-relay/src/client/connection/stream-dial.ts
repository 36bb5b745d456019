import {
  CodedError,
  connectionFailure,
  tryTransportAddress,
  type Clock,
  type Counters,
  type Guard,
  type Outside,
  type ProxyChoice,
  type ServerAt,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { limitUnsent } from '@wirepath/linux';
import { MAX_UNSENT_BYTES } from '../../max-unsent-bytes.js';
import type { RelayDropReason } from '../drop-reasons.js';
import { relayError } from '../relay-error.js';
import type { TurnSession } from '../turn-session.js';
import type { RelayConnection } from './connection.js';
import type { Dial } from './dial.js';
import { secure } from './secure.js';
import { StreamConnection } from './stream-connection.js';

export interface StreamDialOptions {
  readonly url: string;
  readonly target: ServerAt;
  /** Undefined: TCP without TLS. */
  readonly tls: { readonly ca: string | undefined } | undefined;
  readonly proxy: ProxyChoice;
  readonly outside: Pick<Outside, 'connect'>;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly drops: Counters<RelayDropReason>;
  readonly open: (connection: RelayConnection) => TurnSession;
}

/** Over a TCP connection of its own, past the tunnel; which of several addresses takes it is found out there. */
export class StreamDial implements Dial {
  readonly #options: StreamDialOptions;

  constructor(options: StreamDialOptions) {
    this.#options = options;
  }

  first(signal: AbortSignal): Promise<TurnSession> {
    return this.#connect(this.#options.target, signal);
  }

  leaveOut(): boolean {
    return false;
  }

  alternate(server: TransportAddress, signal: AbortSignal): Promise<TurnSession> {
    return this.#connect({ host: server.ip, port: server.port }, signal);
  }

  async #connect(to: ServerAt, signal: AbortSignal): Promise<TurnSession> {
    const { url, target, tls, proxy, outside, clock, guard, drops, open } = this.#options;
    try {
      const plain = await outside.connect(to, { signal, proxy });
      plain.setNoDelay(true);
      limitUnsent(plain, MAX_UNSENT_BYTES);
      // An alternate server shows the certificate of the name that was asked for (RFC 8489, section 10).
      const socket = tls === undefined ? plain : await secure(plain, { host: target.host, ca: tls.ca, clock, signal });
      // Behind a proxy it is the proxy's, unless the configuration names the server's.
      const server =
        tryTransportAddress(to.host, to.port) ?? tryTransportAddress(plain.remoteAddress ?? '', plain.remotePort ?? 0);
      if (server === undefined) throw new Error('the connection is closed again');
      return open(new StreamConnection({ socket, server, guard, drops }));
    } catch (error) {
      if (signal.aborted) throw new CodedError('ABORTED', `${url}: stopped while it was connected to`);
      throw relayError(url, connectionFailure(error), error);
    }
  }
}
