import type { Socket } from 'node:net';
import {
  CodedError,
  Counters,
  formatAddress,
  localAddresses,
  openFilesLimit,
  reasonOf,
  transportAddress,
  type AddressSockets,
  type ChangeTrigger,
  type LentTlsListener,
  type ListeningAddress,
  type LocalAddress,
  type RunningServer,
  type ServerNeeds,
  type TlsTaker,
} from '@wirepath/core/plugin';
import { socketAddress } from '@wirepath/linux';
import { decodeStunMessage, type StunMessage, type TransportAddress } from '@wirepath/stun-codec';
import { addressListeners, isForAll } from './address-listeners.js';
import { listeningAddress } from './listening-address.js';
import { isAnswerable } from './answerable.js';
import { answerBinding } from './binding.js';
import type { Client } from './client.js';
import type { ClientConnection } from './client-connection.js';
import { ClientConnections, DEFAULT_CONNECTION_LIMITS, type ConnectionLimits } from './client-connections.js';
import type { ServerDropReason } from './drop-reason.js';
import { ClientReceiver } from './client-receiver.js';
import { listenAddress } from './listen-address.js';
import { listenError } from './listen-error.js';
import {
  joinCorners,
  openListener,
  planListeners,
  type Listener,
  type PlannedListener,
  type UdpListener,
} from './listener.js';
import { MachineAddresses, type InterfaceAddresses } from './machine-addresses.js';
import { DEFAULT_STRANGER_SHARES, StrangerLimits, type StrangerShares } from './stranger-limits.js';
import {
  isWildcardAddress,
  turnListenAddresses,
  type StunTurnServerOptions,
  type TurnOptions,
  type TurnTlsOptions,
} from './server-options.js';
import { RelayMistakes } from './relay-mistakes.js';
import { untakenOf } from './untaken-options.js';
import { TurnService } from './turn-service.js';
import { openTcpListener, type OpenTcpListener, type TcpListener } from './tcp-listener.js';
import { systemUdpNetwork } from './udp/system-udp-network.js';
import { udpMeans, type UdpMeans } from './udp/udp-means.js';
import { UdpSockets } from './udp/udp-network.js';

/** What tests replace. */
export interface StunTurnServerEdges {
  readonly udp?: typeof systemUdpNetwork;
  readonly openTcp?: OpenTcpListener;
  readonly limits?: StrangerShares;
  readonly connectionLimits?: ConnectionLimits;
  readonly addresses?: InterfaceAddresses;
  readonly trigger?: ChangeTrigger;
  /** @default the system's */
  readonly openFiles?: () => Promise<number | undefined>;
  /** @default the system's */
  readonly local?: () => readonly LocalAddress[];
}

/**
 * The embedded STUN and TURN server (RFC 8489, RFC 5780, RFC 8656), STUN over UDP, TURN over TCP and TLS, too. Sections that listen
 * on one address share its socket.
 */
export class StunTurnServer implements RunningServer {
  readonly #needs: ServerNeeds;
  readonly #options: StunTurnServerOptions;
  readonly #edges: StunTurnServerEdges;
  readonly #sockets: UdpSockets;
  readonly #drops = new Counters<ServerDropReason>();
  readonly #limits: StrangerLimits;
  readonly #mistakes: RelayMistakes;
  readonly #own: MachineAddresses;
  readonly #listeners: UdpListener[] = [];
  readonly #connections: ClientConnections;
  /** As what serves it sees a connection. */
  readonly #ofConnections = new WeakMap<ClientConnection, Listener>();
  readonly #tcpListeners: TcpListener[] = [];
  readonly #overTls = new Map<LentTlsListener, TransportAddress>();
  /** At this machine's addresses, beside listeners at the wildcard address. */
  readonly #beside: { readonly port: number; readonly sockets: AddressSockets<UdpListener> }[] = [];
  readonly #listeningPorts = new Set<number>();
  #turn: TurnService | undefined;
  #bindingRequests = 0;
  #stopped = false;

  constructor(needs: ServerNeeds, options: StunTurnServerOptions, edges: StunTurnServerEdges = {}) {
    this.#needs = needs;
    this.#options = options;
    this.#edges = edges;
    this.#sockets = new UdpSockets((edges.udp ?? systemUdpNetwork)(options.turn?.avoid));
    this.#mistakes = new RelayMistakes(needs.clock);
    this.#own = new MachineAddresses(needs.clock, [], edges.addresses);
    this.#limits = new StrangerLimits(edges.limits ?? DEFAULT_STRANGER_SHARES, needs.random);
    this.#connections = new ClientConnections({
      needs,
      limits: edges.connectionLimits ?? DEFAULT_CONNECTION_LIMITS,
      memory: this.#sockets.outbox.memory,
      receive: (connection, bytes) => this.#receiveBytes(connection, bytes),
      received: () => this.#sockets.outbox.flush(),
      onClosed: (connection) => this.#turn?.server.endThrough(connection, 'connection closed'),
      onEnded: (why, ip, protocol) => this.#mistakes.connectionEnded(why, ip, protocol),
    });
  }

  /** @throws CodedError ADDRESS_IN_USE, PERMISSION_DENIED, NETWORK_CONFIG, or CONFIG for an unreadable users file. */
  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    const { turn } = this.#options;
    try {
      if (turn !== undefined) await this.#createTurn(turn);
      await this.#listen();
      if (turn !== undefined) this.#needs.logger.info('turn: how datagrams go', { ...this.#udpMeans() });
      // Asked on purpose after every wait: stop() may have come in between.
      if (signal.aborted || this.#stopped) throw new CodedError('ABORTED', 'STUN and TURN: stopped while starting');
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async drain({ withinMs }: { withinMs: number }): Promise<void> {
    this.#closeTls();
    // Resolves with its last connection, which is not waited for.
    for (const listener of this.#tcpListeners.splice(0)) void listener.close();
    await this.#turn?.server.drain(withinMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { sockets } of this.#beside.splice(0)) sockets.stop();
    const listeners = this.#listeners.splice(0);
    this.#closeTls();
    await Promise.all([
      this.#turn?.server.stop(),
      this.#connections.stop(),
      ...listeners.map(({ socket }) => socket.close()),
      ...this.#tcpListeners.splice(0).map((listener) => listener.close()),
    ]);
  }

  describe(): readonly string[] {
    return this.addresses().map(({ section, url, ip, port, protocol }) => {
      const over = url.startsWith('turns:') ? '/tls' : protocol === 'tcp' ? '/tcp' : '';
      return `${section} ${formatAddress(transportAddress(ip, port))}${over}`;
    });
  }

  addresses(): readonly ListeningAddress[] {
    const overUdp = this.#listeners.flatMap(({ socket: { local }, stun, turn }) =>
      [...(stun ? ['stun'] : []), ...(turn ? ['turn'] : [])].map((section) => listeningAddress(section, local)),
    );
    const overTcp = this.#tcpListeners.map(({ local }) => listeningAddress('turn', local, 'tcp'));
    const overTls = [...this.#overTls.values()].map((local) => listeningAddress('turn', local, 'tls'));
    return [...overUdp, ...overTcp, ...overTls];
  }

  status(): Readonly<Record<string, unknown>> {
    return {
      listening: this.describe(),
      addresses: this.#members().map(({ socket: { local } }) => formatAddress(local)),
      udp: this.#udpMeans(),
      bindingRequests: this.#bindingRequests,
      connections: this.#connections.size,
      connectionsOver: { tcp: this.#connections.over('tcp'), tls: this.#connections.over('tls') },
      allocations: this.#turn?.table.size ?? 0,
      allocationsBy: this.#turn?.table.figures() ?? {},
      users: this.#turn?.table.userCount ?? 0,
      relayed: this.#turn?.traffic.relayed ?? {},
      drops: this.#drops.snapshot(),
      endedConnections: this.#connections.ended.snapshot(),
      tls: [...this.#overTls.keys()].flatMap((lent) => lent.figures() ?? []),
    };
  }

  problems(): readonly string[] {
    const beside = this.#beside.flatMap(({ sockets, port }) => sockets.problems(port));
    const ofCertificates = [...this.#overTls.keys()].flatMap((lent) => lent.problems());
    return [...this.#mistakes.problems(), ...(this.#turn?.problems() ?? []), ...beside, ...new Set(ofCertificates)];
  }

  /** Takes over users and limits; what was removed ends when its client comes back to refresh. */
  reload(options: unknown): string[] {
    const { turn } = options as StunTurnServerOptions;
    const untaken = untakenOf(this.#options, options as StunTurnServerOptions);
    if (turn === undefined || this.#turn === undefined) return untaken;
    const { tls } = turn;
    if (tls != null)
      for (const lent of this.#overTls.keys())
        lent.renew(tls).catch((error: unknown) => {
          this.#needs.logger.error('turn: the certificate stays as it was', { error: reasonOf(error) });
        });
    this.#configure(this.#turn, turn).catch((error: unknown) => {
      this.#needs.logger.error('turn: the users stay as they were', { error: reasonOf(error) });
    });
    return untaken;
  }

  async #createTurn(options: TurnOptions): Promise<void> {
    this.#turn = new TurnService(this.#needs, options, {
      sockets: this.#sockets,
      drops: this.#drops,
      limits: this.#limits,
      mistakes: this.#mistakes,
      listeningPorts: this.#listeningPorts,
      addresses: this.#edges.addresses,
      local: this.#edges.local ?? localAddresses,
      openFiles: await (this.#edges.openFiles ?? openFilesLimit)(),
    });
    await this.#configure(this.#turn, options);
  }

  async #configure(turn: TurnService, options: TurnOptions): Promise<void> {
    await turn.configure(options);
    this.#connections.setRoom(turn.room);
  }

  async #listen(): Promise<void> {
    const { tls } = this.#options.turn ?? {};
    if (tls != null) for (const text of turnListenAddresses(tls)) await this.#listenTls(listenAddress(text), tls);
    const { planned, corners } = planListeners(this.#options);
    const opened = new Map<PlannedListener, UdpListener>();
    for (const one of planned) {
      if (this.#stopped) return;
      const listener = await openListener(one, this.#sockets);
      this.#listeners.push(listener);
      this.#listeningPorts.add(listener.socket.local.port);
      opened.set(one, listener);
      this.#start(listener);
      if (isForAll(listener)) this.#followAddresses(listener);
      if (one.turn) await this.#listenTcp(one.local);
    }
    if (corners === undefined) return;
    const [same, otherPort, otherIp, otherBoth] = [
      opened.get(corners.same),
      opened.get(corners.otherPort),
      opened.get(corners.otherIp),
      opened.get(corners.otherBoth),
    ];
    if (same && otherPort && otherIp && otherBoth) joinCorners({ same, otherPort, otherIp, otherBoth });
  }

  async #listenTcp(local: TransportAddress): Promise<void> {
    const { openTcp = openTcpListener } = this.#edges;
    const { guard } = this.#needs;
    const opened = await openTcp(local, {
      accepted: guard.wrap('connection', (socket: Socket) => this.#connections.accept(socket, 'tcp')),
      failed: (error) => guard.failed('accepting', error),
    }).catch((error: unknown) => {
      throw listenError('turn', local, error, 'tcp');
    });
    this.#tcpListeners.push(opened);
  }

  /** Others may have the same address: with HTTP on it, what begins with two bits of 0 is ours (RFC 8489, section 5). */
  async #listenTls({ ip, port }: TransportAddress, { certFile, keyFile }: TurnTlsOptions): Promise<void> {
    const taker: TlsTaker = {
      // RFC 7443.
      protocols: ['stun.turn'],
      recognizes: (firstByte) => firstByte >>> 6 === 0,
      take: (socket) => this.#connections.accept(socket, 'tls'),
    };
    const { tlsListeners } = this.#needs;
    const lent = await tlsListeners.listen({ ip, port, certFile, keyFile }, taker).catch((error: unknown) => {
      throw error instanceof CodedError ? error : listenError('turn', transportAddress(ip, port), error, 'tcp');
    });
    this.#overTls.set(lent, transportAddress(ip, lent.port));
  }

  #closeTls(): void {
    for (const lent of this.#overTls.keys()) lent.close();
    this.#overTls.clear();
  }

  #listenerOf(connection: ClientConnection): Listener {
    const known = this.#ofConnections.get(connection);
    if (known !== undefined) return known;
    const { local } = connection;
    const listener: Listener = {
      local,
      stun: false,
      turn: true,
      socket: connection,
      address: local,
      origins: undefined,
    };
    this.#ofConnections.set(connection, listener);
    return listener;
  }

  #followAddresses(wildcard: UdpListener): void {
    const { local = localAddresses, trigger } = this.#edges;
    const sockets = addressListeners(wildcard, {
      needs: this.#needs,
      sockets: this.#sockets,
      read: local,
      trigger,
      start: (listener) => this.#start(listener),
      onClosed: ({ socket }) => this.#turn?.server.endThrough(socket, 'address gone'),
    });
    this.#beside.push({ port: wildcard.socket.local.port, sockets });
    sockets.start();
  }

  /** Of the listening sockets. */
  #udpMeans(): UdpMeans {
    return udpMeans([...this.#listeners, ...this.#members()].map(({ socket }) => socket.datagrams));
  }

  #members(): UdpListener[] {
    return this.#beside.flatMap(({ sockets }) => sockets.sockets());
  }

  #start(listener: UdpListener): void {
    const { outbox } = this.#sockets;
    const { bytes } = outbox.memory;
    const receive = (client: Client, offset: number, sizeBytes: number) => {
      try {
        if (this.#isRelayed(listener, bytes[offset] ?? 0))
          return this.#turn?.traffic.receiveChannelData(client, offset, sizeBytes);
        // Its place is soon another's.
        this.#dispatch(listener, Buffer.from(bytes.subarray(offset, offset + sizeBytes)), client);
      } catch (error) {
        this.#failed(error);
      }
    };
    listener.socket.start(new ClientReceiver(listener.socket, { outbox, drops: this.#drops, receive }));
  }

  /** From a connection. */
  #receiveBytes(connection: ClientConnection, bytes: Buffer): void {
    const { client } = connection;
    const listener = this.#listenerOf(connection);
    try {
      if (!this.#isRelayed(listener, bytes[0] ?? 0)) return this.#dispatch(listener, bytes, client);
      const offset = this.#sockets.outbox.place(bytes);
      this.#turn?.traffic.receiveChannelData(client, offset, bytes.length);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** A datagram must not end the process, whatever fault of ours it meets. */
  #failed(error: unknown): void {
    this.#drops.count('internal-error');
    this.#needs.guard.failed('datagram', error);
  }

  /** Whether it is ChannelData (RFC 8656, section 12.4). */
  #isRelayed({ turn }: Listener, firstByte: number): boolean {
    return turn && this.#turn !== undefined && (firstByte & 0xc0) === 0x40;
  }

  #dispatch(listener: Listener, bytes: Buffer, client: Client): void {
    const message = decodeStunMessage(bytes);
    if (message === undefined) return this.#drops.count('malformed');
    if (message.hasFingerprint && !message.verifyFingerprint()) return this.#drops.count('bad-fingerprint');
    if (!this.#mayAnswer(client)) return this.#drops.count('unanswerable');
    if (message.method === 'binding') return this.#bind(listener, message, client);
    if (!listener.turn || this.#turn === undefined) {
      if (message.method === 'allocate') this.#mistakes.noRelayAt(listener.socket.local);
      return this.#drops.count('unexpected-message');
    }
    this.#turn.server.receive(client, message);
  }

  #bind(listener: Listener, message: StunMessage, client: Client): void {
    // An indication keeps a NAT's mapping alive and wants no answer.
    if (message.class === 'indication') return;
    if (message.class !== 'request') return this.#drops.count('unexpected-message');
    const { bytes, origin, port } = answerBinding(message, client, listener, listener.origins);
    const to = port === client.port ? client.to : socketAddress(client.ip, port);
    if (to !== client.to && !this.#mayAnswer(to)) return this.#drops.count('unanswerable');
    const allocated = listener.turn ? this.#turn?.server.allocated(client) : undefined;
    if (!this.#limits.binding(client.ip, allocated, bytes.length, this.#needs.clock.now()))
      return this.#drops.count('rate-limited');
    this.#bindingRequests++;
    if (!origin.socket.send(bytes, to)) this.#drops.count('send-failed');
  }

  /** An answer to one of our own sockets would be two of us talking to each other. */
  #mayAnswer({ ip, port }: TransportAddress): boolean {
    if (!isAnswerable(ip, port)) return false;
    if (!this.#listeningPorts.has(port)) return true;
    return ![...this.#listeners, ...this.#members()].some(
      ({ socket: { local } }) =>
        local.port === port && (local.ip === ip || (isWildcardAddress(local) && this.#own.has(ip))),
    );
  }
}
