import { formatAddress } from '@wirepath/stun-codec';
import { Sightings } from '../../base/counting/sightings.js';
import type { Clock } from '../../base/time/clock.js';
import type { Datagrams } from '../../contracts/datagrams.js';
import type { Transport } from '../../contracts/transport.js';
import { LoopWatch, type SentRequest } from './loop-watch.js';
import { watchedDatagrams } from './watched-datagrams.js';

type SentCheck = Extract<SentRequest, { kind: 'check' }>;

/** What of our own traffic comes out of our own interface: checks, of which the engine is told, and requests to servers. */
export class OwnTraffic {
  readonly watch: LoopWatch;
  /** The transport's sockets, for sources and relays. */
  readonly sockets: Pick<Transport, 'datagrams' | 'listenPort'>;
  readonly #servers: Sightings;

  constructor(transport: Transport, clock: Clock, onLoop: (check: SentCheck) => void) {
    this.#servers = new Sightings(clock);
    this.watch = new LoopWatch({
      transport,
      clock,
      onLoop: (sent) => (sent.kind === 'check' ? onLoop(sent) : this.#serverLoops(formatAddress(sent.server))),
    });
    let watched: { readonly of: Datagrams; readonly datagrams: Datagrams } | undefined;
    const watchedOf = (of: Datagrams): Datagrams => {
      watched = watched?.of === of ? watched : { of, datagrams: this.#watched(of) };
      return watched.datagrams;
    };
    this.sockets = {
      get datagrams() {
        const { datagrams } = transport;
        return datagrams && watchedOf(datagrams);
      },
      get listenPort() {
        return transport.listenPort;
      },
    };
  }

  /** One line each. */
  problems(): string[] {
    return this.#servers.problems();
  }

  #watched(datagrams: Datagrams): Datagrams {
    return watchedDatagrams(datagrams, (transactionId, server, sizeBytes) =>
      this.watch.sent(transactionId, { kind: 'request', server }, sizeBytes),
    );
  }

  #serverLoops(server: string): void {
    this.#servers.see(
      server,
      () =>
        `the server ${server} is reached through our own tunnel (a request to it came out of our own interface), so it is of no use for a path to a peer: name it by an address outside of the tunnel, or leave it out`,
    );
  }
}
