import type { RemoteInfo } from 'node:dgram';
import { tryTransportAddress, type Base, type Counters, type TransportPath } from '@wirepath/core/plugin';
import { pathFromSource, type Source } from './path-source.js';

/** Sources whose path is remembered for one socket: those of the last so many, and as many of before. */
const PATH_CACHE_MAX = 2048;

/** The same path object for the same source: parsed once, and compared by identity in the common case. */
export class PathCache {
  readonly #base: Base;
  readonly #source: Source | undefined;
  readonly #counters: Counters;
  #paths = new Map<string, TransportPath>();
  #olderPaths = new Map<string, TransportPath>();
  #lastAddress = '';
  #lastPort = -1;
  #lastPath: TransportPath | undefined;

  /** @param source the socket that the datagrams come in on, where it is one of several. */
  constructor(base: Base, source: Source | undefined, counters: Counters) {
    this.#base = base;
    this.#source = source;
    this.#counters = counters;
  }

  /** Undefined, and counted, where there is no answering. */
  from({ address, port }: Pick<RemoteInfo, 'address' | 'port'>): TransportPath | undefined {
    if (port === this.#lastPort && address === this.#lastAddress) return this.#lastPath;
    const key = `${port} ${address}`;
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = this.#olderPaths.get(key);
      if (path !== undefined) this.#remember(key, path);
    }
    if (path === undefined) {
      // A source port of 0 is legal on the wire and cannot be answered.
      if (port === 0) {
        this.#counters.count('receive.port-0');
        return undefined;
      }
      const remote = tryTransportAddress(address, port);
      // Whatever the system says of the source: a datagram without one cannot be answered.
      if (remote === undefined) {
        this.#counters.count('receive.no-address');
        return undefined;
      }
      path = pathFromSource(this.#base, remote, this.#source);
      this.#remember(key, path);
    }
    this.#lastAddress = address;
    this.#lastPort = port;
    this.#lastPath = path;
    return path;
  }

  /** Spoofed sources neither grow this nor drive out those that are heard between them. */
  #remember(key: string, path: TransportPath): void {
    if (this.#paths.size >= PATH_CACHE_MAX) {
      this.#olderPaths = this.#paths;
      this.#paths = new Map();
    }
    this.#paths.set(key, path);
  }
}
