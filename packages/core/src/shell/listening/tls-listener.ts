import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Guard } from '../../base/guard/guard.js';
import { ConnectionGate } from '../../base/limits/connection-gate.js';
import { OpeningConnections } from '../../base/limits/opening-connections.js';
import type { Clock, RandomSource } from '../../base/time/clock.js';
import type { ConfigFiles } from '../../contracts/plugin/needs.js';
import type { TlsFigures, TlsListenOptions, TlsTaker } from '../../contracts/plugin/tls-listeners.js';
import { formatAddress, transportAddress } from '@wirepath/stun-codec';
import { TlsRefusals } from './tls-refusals.js';
import { CertificateDates, readTlsFiles, type TlsFiles, type TlsOptions } from './tls-files.js';

export interface TlsListenerNeeds {
  readonly clock: Clock;
  readonly guard: Guard;
  readonly random: RandomSource;
  readonly files: ConfigFiles;
}

const TICK_MS = 1000;
const MAX_HANDSHAKES = 1024;
const GATE = { maxConnectionsPerIp: 4096, connectionRate: { perSecond: 100, burst: 4096 }, limitsLoopback: false };
/** From the connection to the first byte after TLS, where that has to decide. */
const HANDSHAKE_DEADLINE_MS = 10_000;

/**
 * One TLS listener for several protocols. Which one a client speaks is told by ALPN, or where it offers none by the first
 * byte after the handshake. Until then a connection is bounded here; from then on it is its taker's.
 */
export class TlsListener {
  readonly port: number;
  readonly #needs: TlsListenerNeeds;
  readonly #server: Server;
  readonly #takers: Set<TlsTaker>;
  readonly #gate: ConnectionGate;
  readonly #opening: OpeningConnections;
  readonly #refusals: TlsRefusals;
  #dates: CertificateDates;
  #tick: Disposable | undefined;
  #isClosed = false;

  /** @param room for connections that this process has. */
  static async open(options: TlsListenOptions, needs: TlsListenerNeeds, room: number): Promise<TlsListener> {
    const files = await readTlsFiles(needs.files, options);
    const takers = new Set<TlsTaker>();
    const server = createServer({
      ...files,
      minVersion: 'TLSv1.2',
      handshakeTimeout: HANDSHAKE_DEADLINE_MS,
      noDelay: true,
      ALPNCallback: ({ protocols }) => protocols.find((name) => takerOf(takers, name) !== undefined),
    });
    const { ip, port } = options;
    server.listen({ host: ip, port, backlog: 1024, ipv6Only: true });
    await once(server, 'listening');
    return new TlsListener(options, needs, server, takers, files, Math.min(MAX_HANDSHAKES, Math.ceil(room / 8)));
  }

  private constructor(
    options: TlsListenOptions,
    needs: TlsListenerNeeds,
    server: Server,
    takers: Set<TlsTaker>,
    { cert }: TlsFiles,
    maxHandshakes: number,
  ) {
    const { guard } = needs;
    this.#needs = needs;
    this.#server = server;
    this.#takers = takers;
    this.#gate = new ConnectionGate(GATE, needs.random);
    this.#opening = new OpeningConnections(() => ({ maxHandshakes, handshakeDeadlineMs: HANDSHAKE_DEADLINE_MS }));
    this.#dates = new CertificateDates(options.certFile, cert);
    const bound = server.address();
    this.port = bound !== null && typeof bound === 'object' ? bound.port : options.port;
    this.#refusals = new TlsRefusals(formatAddress(transportAddress(options.ip, this.port)), needs.clock);
    // EMFILE comes once for each connection: the guard says it once a minute.
    server.on('error', (error) => guard.failed('accepting', error));
    server.on(
      'tlsClientError',
      guard.wrap('tlsClientError', ({ code = '' }: NodeJS.ErrnoException, { remoteAddress }: TLSSocket) =>
        this.#refusals.countFailed(code, remoteAddress),
      ),
    );
    server.on(
      'connection',
      guard.wrap('connection', (socket: Socket) => this.#admit(socket)),
    );
    server.on(
      'secureConnection',
      guard.wrap('secureConnection', (socket: TLSSocket) => this.#decide(socket)),
    );
  }

  get figures(): TlsFigures {
    return { handshakes: this.#opening.size, refused: this.#refusals.snapshot() };
  }

  add(taker: TlsTaker): void {
    this.#takers.add(taker);
  }

  isFirst(taker: TlsTaker): boolean {
    return [...this.#takers][0] === taker;
  }

  /** @returns whether nobody is left. */
  remove(taker: TlsTaker): boolean {
    return this.#takers.delete(taker) && this.#takers.size === 0;
  }

  async renew(options: TlsOptions): Promise<void> {
    const files = await readTlsFiles(this.#needs.files, options);
    this.#server.setSecureContext({ ...files });
    this.#dates = new CertificateDates(options.certFile, files.cert);
  }

  problems(): string[] {
    return [...this.#dates.problems(this.#needs.clock.unixMs()), ...this.#refusals.problems()];
  }

  /** Connections that were taken live on. */
  close(): void {
    this.#isClosed = true;
    this.#tick?.[Symbol.dispose]();
    // Its callback waits for all connections, and those that were taken are not ours.
    this.#server.close();
    for (const socket of this.#opening.expire(Infinity)) socket.destroy();
  }

  #admit(socket: Socket): void {
    const nowMs = this.#needs.clock.now();
    const { remoteAddress } = socket;
    // It has gone already.
    if (remoteAddress === undefined || this.#isClosed) return void socket.destroy();
    const place = this.#gate.enter(remoteAddress, nowMs);
    if (typeof place === 'string') {
      this.#refusals.count(place, remoteAddress);
      socket.destroy();
      return;
    }
    socket.once('close', () => place[Symbol.dispose]());
    const oldest = this.#opening.begin(socket, nowMs);
    if (oldest !== undefined) this.#refusals.count('crowded-out');
    oldest?.destroy();
    this.#armTick();
  }

  #decide(socket: TLSSocket): void {
    // What went wrong shows in `close`.
    socket.on('error', () => undefined);
    const { alpnProtocol } = socket;
    if (typeof alpnProtocol === 'string') return this.#handOver(socket, takerOf(this.#takers, alpnProtocol));
    const [only, another] = this.#takers;
    if (another === undefined) return this.#handOver(socket, only);
    socket.once(
      'data',
      this.#needs.guard.wrap('first byte', (bytes: Buffer) => {
        socket.pause();
        socket.unshift(bytes);
        const first = bytes[0] ?? 0;
        this.#handOver(
          socket,
          [...this.#takers].find((taker) => taker.recognizes(first)),
        );
        process.nextTick(() => socket.resume());
      }),
    );
  }

  #handOver(socket: TLSSocket, taker: TlsTaker | undefined): void {
    this.#opening.finish(socket);
    if (taker !== undefined && !this.#isClosed) return taker.take(socket);
    this.#refusals.count('no-such-protocol');
    socket.destroy();
  }

  #armTick(): void {
    if (this.#tick !== undefined || this.#isClosed) return;
    this.#tick = this.#needs.clock.setTimeout(() => {
      this.#tick = undefined;
      for (const late of this.#opening.expire(this.#needs.clock.now())) {
        this.#refusals.count('too-slow');
        late.destroy();
      }
      if (this.#opening.size > 0) this.#armTick();
    }, TICK_MS);
  }
}

function takerOf(takers: ReadonlySet<TlsTaker>, protocol: string): TlsTaker | undefined {
  return [...takers].find(({ protocols }) => protocols.includes(protocol));
}
