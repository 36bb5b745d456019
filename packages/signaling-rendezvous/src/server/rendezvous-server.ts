import {
  CodedError,
  ConnectionGate,
  Counters,
  openFilesLimit,
  OpeningConnections,
  parseTransportAddress,
  sourceLevels,
  type GateRefusal,
  type LentTlsListener,
  type ListeningAddress,
  type RunningServer,
  type ServerNeeds,
  type TlsTaker,
  type TransportAddress,
} from '@wirepath/core/plugin';
import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket, WebSocketServer } from 'ws';
import { ownsUrl } from '../protocol/own-urls.js';
import { MAX_FRAME_BYTES, SUBPROTOCOL } from '../protocol/rendezvous-v1.js';
import { canonicalUrl, urlOrigin } from '../protocol/rendezvous-url.js';
import { DEFAULT_SERVER_LIMITS, type ServerLimits } from '../protocol/server-limits.js';
import { Switchboard, type SwitchboardEffect } from '../protocol/switchboard.js';
import { admittedKeys } from './admission-list.js';
import { createHttpFront } from './http-front.js';
import { listenError } from './listen-error.js';
import { limitsWithin } from './open-files.js';
import type { RendezvousServerOptions, TlsSection } from './rendezvous-server-options.js';
import { serverAddressOf } from './server-address.js';
import { ServerMistakes } from './server-mistakes.js';
import { ServerSockets } from './server-sockets.js';
import { shortageTexts } from './shortage-texts.js';
import { Shortages } from './shortages.js';

const TICK_MS = 1000;
const FAREWELL_MS = 250;
/** Past what the limits let in: who is to go is decided here, not by the order of arrival at the kernel's. */
const SPARE_CONNECTIONS = 256;
/** What HTTP begins with. */
const FIRST_LETTER = 0x41;

type SocketDropReason = GateRefusal | 'connections' | 'handshakes' | 'oversize-or-broken-frame';

/** The rendezvous server: sockets and timers around a {@link Switchboard}. */
export class RendezvousServer implements RunningServer {
  readonly #needs: ServerNeeds;
  readonly #switchboard: Switchboard;
  readonly #gate: ConnectionGate;
  readonly #handshakes: OpeningConnections;
  readonly #shortages: Shortages;
  readonly #mistakes: ServerMistakes;
  readonly #dropped = new Counters<SocketDropReason>();
  readonly #fronts = new Map<Server, ListeningAddress>();
  readonly #overTls = new Map<LentTlsListener, ListeningAddress>();
  readonly #sockets = new Set<Socket>();
  readonly #webSockets: ServerSockets;
  #limits: ServerLimits;
  /** What this process may have open; undefined where the system does not say. */
  #openFiles: number | undefined;
  #options: RendezvousServerOptions;
  #configuredUrls: readonly string[] = [];
  #webSocketServer: WebSocketServer | undefined;
  /** Takes connections that others accepted; see {@link adopt}. */
  #adopting: Server | undefined;
  #tick: Disposable | undefined;
  #reloads = 0;
  #stopped = false;
  /** Takes our listener off the signal that `start` was given. */
  #unlisten: (() => void) | undefined;

  /** @param limits in the place of {@link DEFAULT_SERVER_LIMITS}, for tests and embedding. */
  constructor(needs: ServerNeeds, options: RendezvousServerOptions, limits: Partial<ServerLimits> = {}) {
    this.#needs = needs;
    this.#options = options;
    this.#configuredUrls = canonicalUrls(options.urls);
    this.#limits = { ...DEFAULT_SERVER_LIMITS, ...limits };
    if (options.maxClients !== undefined) this.#limits = { ...this.#limits, maxClients: options.maxClients };
    this.#gate = new ConnectionGate(this.#limits, needs.random);
    this.#handshakes = new OpeningConnections(() => this.#limits);
    this.#shortages = new Shortages(
      shortageTexts(() => this.#limits),
      needs.logger,
    );
    this.#mistakes = new ServerMistakes(needs);
    this.#switchboard = new Switchboard({
      limits: this.#limits,
      randomBytes: (length) => needs.random.bytes(length),
    });
    const { clock, guard } = needs;
    const events = {
      sent: (connection: number, sizeBytes: number) =>
        this.#carryOut(this.#switchboard.sent(connection, sizeBytes, clock.now())),
      ponged: (connection: number) => this.#carryOut(this.#switchboard.ponged(connection)),
    };
    this.#webSockets = new ServerSockets(
      { sent: guard.wrap('sent', events.sent), ponged: guard.wrap('ponged', events.ponged) },
      () => this.#limits.maxClosing,
    );
  }

  /** @throws CodedError ADDRESS_IN_USE, PERMISSION_DENIED, NETWORK_CONFIG, CONFIG (a certificate or list of keys that cannot be read). */
  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    if (signal.aborted || this.#stopped) return;
    const stop = () => void this.stop();
    signal.addEventListener('abort', stop, { once: true });
    this.#unlisten = () => signal.removeEventListener('abort', stop);
    try {
      this.#openFiles = await openFilesLimit();
      this.#setLimits(this.#limits.maxClients);
      const keys = await admittedKeys(this.#options, this.#needs.files);
      this.#carryOut(this.#switchboard.admitOnly(keys, this.#needs.clock.now()));
      const { WebSocketServer } = await import('ws');
      const options = {
        noServer: true,
        clientTracking: false,
        // Answered by the switchboard: ws would heap up pongs for whoever pings and does not read.
        autoPong: false,
        perMessageDeflate: false,
        maxPayload: MAX_FRAME_BYTES,
        maxFragments: 16,
        maxBufferedChunks: 1024,
        closeTimeout: 1000,
        handleProtocols: () => SUBPROTOCOL,
      };
      this.#webSocketServer = new WebSocketServer(options);
      this.#adopting = this.#createFront();
      const { listen, tls } = this.#options;
      for (const address of listOf(listen)) await this.#listen(address);
      for (const address of listOf(tls?.listen)) if (tls) await this.#listenOverTls(address, tls);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unlisten?.();
    this.#tick?.[Symbol.dispose]();
    this.#tick = undefined;
    const fronts = [...this.#fronts.keys()];
    this.#fronts.clear();
    for (const lent of this.#overTls.keys()) lent.close();
    this.#overTls.clear();
    const closed = fronts.map((front) => new Promise<void>((resolve) => front.close(() => resolve())));
    await this.#sayGoodbye();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  describe(): readonly string[] {
    return this.addresses().map(({ section, url }) => `${section} ${url}`);
  }

  addresses(): readonly ListeningAddress[] {
    return [...this.#fronts.values(), ...this.#overTls.values()];
  }

  status(): Readonly<Record<string, unknown>> {
    const { dropped, ...figures } = this.#switchboard.status();
    return {
      ...figures,
      connections: this.#sockets.size,
      handshakes: this.#handshakes.size,
      tls: [...this.#overTls.keys()].flatMap((lent) => lent.figures() ?? []),
      dropped: { ...dropped, ...this.#dropped.snapshot() },
    };
  }

  problems(): readonly string[] {
    const ofCertificates = [...this.#overTls.keys()].flatMap((lent) => lent.problems());
    return [...this.#shortagesNow(), ...this.#mistakes.problems(), ...new Set(ofCertificates)];
  }

  /** Takes over URLs, the certificate, who is admitted and the number of clients; other addresses to listen on need a restart. */
  reload(options: unknown): string[] {
    const next = (options as { rendezvous?: RendezvousServerOptions }).rendezvous;
    if (!next) return [];
    const { clock, files, guard, logger } = this.#needs;
    const addresses = (of: RendezvousServerOptions) => [listOf(of.listen), listOf(of.tls?.listen)];
    const isElsewhere = JSON.stringify(addresses(next)) !== JSON.stringify(addresses(this.#options));
    this.#options = { ...next, listen: this.#options.listen, tls: this.#options.tls };
    this.#configuredUrls = canonicalUrls(next.urls);
    this.#setLimits(next.maxClients ?? DEFAULT_SERVER_LIMITS.maxClients);
    const reload = ++this.#reloads;
    const admit = async () => {
      const keys = await admittedKeys(next, files);
      // A later one may have been faster.
      if (reload !== this.#reloads) return;
      guard.run('admission', () => this.#carryOut(this.#switchboard.admitOnly(keys, clock.now())));
    };
    admit().catch((error: unknown) => logger.error('rendezvous: who is admitted stays as it was', { error }));
    const { tls } = next;
    if (tls)
      for (const lent of this.#overTls.keys())
        lent.renew(tls).catch((error: unknown) => {
          logger.error('rendezvous: the certificate stays as it was', { error });
        });
    return isElsewhere ? ['rendezvous: where it listens has changed'] : [];
  }

  /**
   * Serves a connection that somebody else accepted: a TLS port that is shared with another protocol.
   * @param socket nothing has been read from it, or what was read has been unshifted.
   */
  adopt(socket: Socket): void {
    if (this.#stopped || !this.#adopting) socket.destroy();
    else this.#adopting.emit('connection', socket);
  }

  #createFront(): Server {
    const { maxClients, maxUnproven, maxHandshakes, maxClosing } = this.#limits;
    const maxConnections = maxClients + maxUnproven + maxHandshakes + maxClosing + SPARE_CONNECTIONS;
    const { guard } = this.#needs;
    const front = createHttpFront(maxConnections, {
      connection: guard.wrap('connection', (socket: Socket) => this.#admit(socket)),
      upgrade: guard.wrap('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
        this.#upgrade(request, socket, head),
      ),
    });
    front.on('drop', () => this.#dropped.count('connections'));
    return front;
  }

  async #listen(address: string): Promise<void> {
    const parsed = addressOf(address);
    if (this.#stopped) return;
    const front = this.#createFront();
    front.listen({ host: parsed.ip, port: parsed.port, backlog: 1024 });
    try {
      await once(front, 'listening');
    } catch (error) {
      throw listenError(address, error);
    }
    if (this.#stopped) {
      await new Promise((resolve) => front.close(resolve));
      return;
    }
    // EMFILE comes once for each connection: the guard says it once a minute.
    front.on('error', (error) => this.#needs.guard.failed('accepting', error));
    const bound = front.address();
    const port = bound !== null && typeof bound === 'object' ? bound.port : parsed.port;
    this.#fronts.set(front, listeningAddress('ws:', parsed.ip, port));
  }

  /** Others may have the same address: with TURN over TLS on it, HTTP is ours. */
  async #listenOverTls(address: string, { certFile, keyFile }: TlsSection): Promise<void> {
    const { ip, port } = addressOf(address);
    if (this.#stopped) return;
    const taker: TlsTaker = {
      protocols: ['http/1.1'],
      recognizes: (firstByte) => firstByte >= FIRST_LETTER,
      take: (socket) => this.adopt(socket),
    };
    const lent = await this.#needs.tlsListeners
      .listen({ ip, port, certFile, keyFile }, taker)
      .catch((error: unknown) => {
        throw error instanceof CodedError ? error : listenError(address, error);
      });
    if (this.#stopped) lent.close();
    else this.#overTls.set(lent, listeningAddress('wss:', ip, lent.port));
  }

  #admit(socket: Socket): void {
    const nowMs = this.#needs.clock.now();
    const { remoteAddress } = socket;
    // It has gone already.
    const place = remoteAddress === undefined ? undefined : this.#gate.enter(remoteAddress, nowMs);
    if (place === undefined || typeof place === 'string') {
      if (place !== undefined) this.#dropped.count(place);
      socket.destroy();
    } else {
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        place[Symbol.dispose]();
      });
      const oldest = this.#handshakes.begin(socket, nowMs);
      if (oldest) this.#dropped.count('handshakes');
      oldest?.destroy();
    }
    // Refusals are told of too.
    this.#armTick();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const address = socket instanceof Socket ? serverAddressOf(socket, request) : undefined;
    if (!address || !this.#webSocketServer || this.#stopped) {
      socket.destroy();
      return;
    }
    const levels = sourceLevels(socket instanceof Socket ? socket.remoteAddress : undefined);
    this.#webSocketServer.handleUpgrade(request, socket, head, (webSocket) => {
      if (socket instanceof Socket) this.#handshakes.finish(socket);
      const owns = (url: string) => ownsUrl({ ...address, configuredUrls: this.#configuredUrls }, url);
      this.#serve(webSocket, owns, levels);
    });
  }

  #serve(webSocket: WebSocket, owns: (url: string) => boolean, levels: readonly string[]): void {
    const { clock, guard } = this.#needs;
    const { connection, effects } = this.#switchboard.open(owns, clock.now(), levels);
    this.#webSockets.add(connection, webSocket);
    const onMessage = (data: RawData, isBinary: boolean) => {
      // A text frame is not in the protocol: an empty one is malformed too.
      const frame = isBinary && Buffer.isBuffer(data) ? data : new Uint8Array();
      this.#carryOut(this.#switchboard.receive(connection, frame, clock.now()));
    };
    webSocket.on('message', guard.wrap('frame', onMessage));
    const onPing = (payload: Buffer) => this.#carryOut(this.#switchboard.pinged(connection, payload, clock.now()));
    webSocket.on('ping', guard.wrap('ping', onPing));
    const onPong = () => this.#carryOut(this.#switchboard.heard(connection, clock.now()));
    webSocket.on('pong', guard.wrap('pong', onPong));
    webSocket.on('error', () => this.#dropped.count('oversize-or-broken-frame'));
    const onClose = () => this.#carryOut(this.#switchboard.closed(connection, clock.now()));
    webSocket.on('close', guard.wrap('close', onClose));
    this.#carryOut(effects);
    this.#armTick();
  }

  #armTick(): void {
    if (this.#tick || this.#stopped) return;
    this.#tick = this.#needs.clock.setTimeout(() => {
      this.#tick = undefined;
      // Whatever fails, the next one comes: it is what ends connections that hang.
      this.#needs.guard.run('tick', () => this.#onTick(this.#needs.clock.now()));
      if (!this.#switchboard.isEmpty || this.#handshakes.size > 0) this.#armTick();
    }, TICK_MS);
  }

  #onTick(nowMs: number): void {
    for (const late of this.#handshakes.expire(nowMs)) late.destroy();
    this.#carryOut(this.#switchboard.tick(nowMs));
    const { dropped, closed } = this.#switchboard.status();
    const counters = [Object.entries({ ...dropped, ...this.#dropped.snapshot() }), Object.entries(closed)];
    const named = counters.flatMap((entries, i) =>
      entries.map(([name, count]) => [`${i === 0 ? 'dropped' : 'closed'}.${name}`, count] as const),
    );
    this.#shortages.look(Object.fromEntries(named), nowMs);
  }

  /** As many clients as are wanted, or as this process has files for. */
  #setLimits(maxClients: number): void {
    this.#limits = limitsWithin({ ...this.#limits, maxClients }, this.#openFiles);
    this.#switchboard.setLimits(this.#limits);
  }

  #shortagesNow(): string[] {
    const wanted = this.#options.maxClients;
    const { maxClients } = this.#limits;
    const files =
      wanted === undefined || maxClients >= wanted
        ? []
        : [
            `this process may open ${String(this.#openFiles)} files, which is room for ${maxClients} clients and not for ${wanted}; raise LimitNOFILE of its systemd unit, or \`ulimit -n\``,
          ];
    return [...files, ...this.#shortages.problems(this.#needs.clock.now())];
  }

  #carryOut(effects: readonly SwitchboardEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'foreign-url' || effect.kind === 'not-admitted' || effect.kind === 'replaced')
        this.#mistakes.see(effect);
      else this.#webSockets.carryOut(effect);
    }
  }

  async #sayGoodbye(): Promise<void> {
    const closed = this.#webSockets.closeAll(1001);
    let timer: Disposable | undefined;
    const late = new Promise<void>((resolve) => (timer = this.#needs.clock.setTimeout(resolve, FAREWELL_MS)));
    await Promise.race([closed, late]);
    timer?.[Symbol.dispose]();
    this.#webSockets.terminateAll();
  }
}

function listeningAddress(scheme: 'ws:' | 'wss:', ip: string, port: number): ListeningAddress {
  return { section: 'rendezvous', url: urlOrigin(scheme, ip, port), protocol: 'tcp', ip, port };
}

function addressOf(text: string): TransportAddress {
  const address = parseTransportAddress(text);
  if (!address) throw new CodedError('CONFIG', `rendezvous: not an address to listen on: ${text}`);
  return address;
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

function canonicalUrls(urls: readonly string[] | undefined): string[] {
  return (urls ?? []).flatMap((url) => canonicalUrl(url) ?? []);
}
