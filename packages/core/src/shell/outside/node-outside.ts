import type { Socket } from 'node:net';
import { isIP, Socket as TcpSocket } from 'node:net';
import { formatAddress, tryTransportAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { Guard } from '../../base/guard/guard.js';
import { Listeners } from '../../base/guard/listeners.js';
import type { Logger } from '../../base/logging/logger.js';
import { openUdpSocket } from '../../base/sockets/open-udp-socket.js';
import type { Clock, RandomSource } from '../../base/time/clock.js';
import type { Outside, ProxyChoice, ServerAt } from '../../contracts/plugin/outside.js';
import type { Transport } from '../../contracts/transport.js';
import { connectFirst } from './connect-first.js';
import { proxyError, openHttpTunnel } from './http-tunnel.js';
import { proxyFor, type Environment } from './http-proxy.js';
import { connectionFailure } from '../../base/errors/connection-failure.js';
import { dnsLines, type OutsideSockets } from './dns-lines.js';
import { LookUp } from './look-up.js';
import { NameBook } from './name-book.js';
import { nameSystem, type NameSystem } from './name-system.js';

export interface NodeOutsideNeeds {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly logger: Logger;
  readonly guard: Guard;
  /** CIDRs of our own interface. */
  readonly ownNetworks: readonly string[];
  /** @default this machine's */
  readonly system?: NameSystem;
  /** Names the HTTP proxy. @default process.env */
  readonly env?: Environment;
}

/** {@link Outside} of one node: names by a resolver of ours, sockets by the node's transport, which knows how to mark them. */
export class NodeOutside implements Outside {
  readonly #needs: NodeOutsideNeeds;
  readonly #lookUp: LookUp;
  readonly #names: NameBook;
  readonly #news: Listeners<string>;
  /** What took the last connection, by host. */
  readonly #connected = new Map<string, string>();
  #transport: Pick<Transport, 'openTcpOutside' | 'openUdpOutside'> = {};

  constructor(needs: NodeOutsideNeeds) {
    this.#needs = needs;
    const { clock, random, guard, ownNetworks, system = nameSystem } = needs;
    const logger = needs.logger.child({ component: 'names' });
    this.#news = new Listeners(guard, 'news of names');
    const openLine = dnsLines(this.#sockets, guard);
    this.#lookUp = new LookUp({ system, openLine, clock, random, ownNetworks });
    this.#names = new NameBook({
      lookUp: (host, signal) => this.#lookUp.addressesOf(host, signal),
      clock,
      logger,
      onNews: (host) => this.#news.tell(host),
    });
  }

  /** Whose sockets stay out of the tunnel; before, they are ordinary ones. */
  use(transport: Pick<Transport, 'openTcpOutside' | 'openUdpOutside'>): void {
    this.#transport = transport;
  }

  /** From now on, names that do not resolve are looked up again by themselves. */
  start(): void {
    this.#names.start();
  }

  stop(): void {
    this.#names.stop();
  }

  /** The network is another, or the configuration was read again. */
  doubt(): void {
    this.#names.doubt();
  }

  async resolve(
    { host, port }: ServerAt,
    { signal, again = false }: { readonly signal: AbortSignal; readonly again?: boolean },
  ): Promise<readonly TransportAddress[]> {
    const literal = isIP(host) === 0 ? undefined : tryTransportAddress(host, port);
    if (literal !== undefined) return [literal];
    if (signal.aborted) throw signal.reason as Error;
    const found = await this.#names.addressesOf(host.toLowerCase(), { again, signal });
    const addresses = [...new Set(found)].flatMap((ip) => tryTransportAddress(ip, port) ?? []);
    return addresses.sort((a, b) => a.family - b.family);
  }

  async connect(
    server: ServerAt,
    { signal, proxy: choice }: { readonly signal: AbortSignal; readonly proxy?: ProxyChoice },
  ): Promise<Socket> {
    const { clock, env = process.env } = this.#needs;
    const proxy = proxyFor(server, choice, env);
    if (proxy === undefined) return this.#connect(server, signal);
    const socket = await this.#connect(proxy, signal).catch((error: unknown) => {
      throw signal.aborted ? error : proxyError(proxy, `is not reachable: ${connectionFailure(error)}`, error);
    });
    return openHttpTunnel(socket, server, proxy, { clock, signal });
  }

  async #connect(server: ServerAt, signal: AbortSignal): Promise<Socket> {
    const addresses = await this.resolve(server, { signal, again: true });
    const key = `${server.host.toLowerCase()} ${server.port}`;
    const last = this.#connected.get(key);
    // The one that was right last time comes first.
    const ordered = [...addresses].sort(
      (a, b) => Number(formatAddress(b) === last) - Number(formatAddress(a) === last),
    );
    const openTcp = (remote: TransportAddress) => this.#sockets.openTcp(remote);
    const socket = await connectFirst(ordered, { openTcp, clock: this.#needs.clock, signal });
    const remote = tryTransportAddress(socket.remoteAddress ?? '', server.port);
    if (remote !== undefined && isIP(server.host) === 0) this.#connected.set(key, formatAddress(remote));
    return socket;
  }

  /** A name has other addresses than before, or resolves at last. */
  onNews(listener: (host: string) => void): Disposable {
    return this.#news.add(listener);
  }

  problems(): readonly string[] {
    return this.#names.problems();
  }

  counters(): Readonly<Record<string, number>> {
    return { 'names.not-an-answer': this.#lookUp.dropped };
  }

  get #sockets(): OutsideSockets {
    return {
      openTcp: (remote) => this.#transport.openTcpOutside?.(remote) ?? new TcpSocket(),
      openUdp: async (remote) =>
        (await this.#transport.openUdpOutside?.(remote)) ?? (await openUdpSocket({ family: remote.family })),
    };
  }
}
