import {
  CodedError,
  deniedPort,
  Listeners,
  type Base,
  type Counters,
  type DatagramListener,
  type Datagrams,
  type Guard,
  type ReceivedDatagram,
  type TransportPath,
} from '@wirepath/core/plugin';
import { addressEdges, addressMembers, type AddressEdges, type AddressMembersOptions } from './address-members.js';
import { BaseSocket } from './base-socket.js';
import { kindOf, type DatagramKind } from './demultiplex.js';
import { openSystemSocket, type OpenUdpSocket, type UdpSocket } from './udp-socket.js';

/** Tries for a port that is free in both families. */
const PORT_ATTEMPTS = 16;
const CHANNEL_HEADER_BYTES = 4;
/** What is counted where no listener takes a datagram. */
const UNCLAIMED = { stun: 'stun.unclaimed', channel: 'channel-data.unclaimed', other: 'other.unclaimed' } as const;

export interface SocketsOptions {
  readonly guard: Guard;
  readonly counters: Counters;
  /** A datagram that is WireGuard's, from a socket or out of a relay. The bytes are valid only during the call. */
  readonly onWireGuard: (bytes: Uint8Array, from: TransportPath) => void;
  /** The system did not take a datagram. @param code its reason. */
  readonly onSendFailed?: ((code: string | undefined) => void) | undefined;
  /** A destination is sent to for the first time. */
  readonly onRemote: (ip: string) => void;
  /** All addresses of this machine, where they are followed, as they come and go. */
  readonly onAddresses?: ((ips: readonly string[]) => void) | undefined;
  /** @default the system's sockets */
  readonly openSocket?: OpenUdpSocket | undefined;
  /** This machine's addresses are followed: each has a socket of its own beside the shared ones. @default they are not */
  readonly follow?: AddressMembersOptions | undefined;
}

/** The transport's UDP sockets, and which datagram belongs to whom. */
export class Sockets implements Datagrams {
  readonly #options: SocketsOptions;
  readonly #counters: Counters;
  readonly #listeners: Listeners<ReceivedDatagram>;
  readonly #sockets = new Map<string, BaseSocket>();
  readonly #remotes = new Set<string>();
  readonly #closing = new Set<Promise<void>>();
  readonly #onOpened: ((socket: UdpSocket, base: Base) => void)[] = [];
  readonly #members: ReturnType<typeof addressMembers> | undefined;
  readonly #edges: AddressEdges;
  #nextId = 1;
  #closed = false;

  constructor(options: SocketsOptions) {
    this.#options = options;
    this.#counters = options.counters;
    this.#listeners = new Listeners(options.guard, 'datagram');
    const { follow, onAddresses } = options;
    this.#edges = addressEdges(follow);
    if (follow === undefined) return;
    this.#members = addressMembers(follow, {
      base: (family) => this.#sharedSocket(family),
      prepare: (socket, { base }) => this.#prepare(socket, base),
      closing: (closing) => this.#await(closing),
      onAddresses,
    });
  }

  get bases(): readonly Base[] {
    return [...this.#sockets.values()].map(({ base }) => base);
  }

  /** The sockets that WireGuard sends from have one port number, where the system has both families. */
  get port(): number | undefined {
    return this.sharedBase(4)?.port ?? this.sharedBase(6)?.port;
  }

  sharedBase(family: 4 | 6): Base | undefined {
    return this.bases.find((base) => base.shared && base.family === family);
  }

  /**
   * Opens the shared sockets.
   * @param port 0: any that is free in both families.
   * @throws CodedError ADDRESS_IN_USE, PERMISSION_DENIED, NETWORK_CONFIG, ABORTED.
   */
  async open(port: number, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const v4 = await this.#bind(4, port, true, signal).catch(unlessFamilyMissing);
      try {
        const v6 = await this.#bind(6, port === 0 ? (v4?.base.port ?? 0) : port, true, signal).catch(
          unlessFamilyMissing,
        );
        if (v4 ?? v6) return this.#members?.start();
        throw new CodedError('NETWORK_CONFIG', 'this system has neither IPv4 nor IPv6');
      } catch (error) {
        if (v4) this.closeBase(v4.base);
        const taken = error instanceof CodedError && error.code === 'ADDRESS_IN_USE';
        if (!taken || port !== 0 || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  async openBase(family: 4 | 6, { signal }: { signal: AbortSignal }): Promise<Base> {
    return (await this.#bind(family, 0, false, signal)).base;
  }

  closeBase(base: Base): void {
    const socket = this.#sockets.get(base.id);
    if (!socket) return;
    this.#sockets.delete(base.id);
    this.#await(socket.close());
  }

  send(path: TransportPath, bytes: Uint8Array): void {
    this.announce(path);
    if (path.kind === 'socket') {
      const socket = this.#sockets.get(path.base.id);
      if (socket) socket.send(bytes, path.remote, path);
      else this.#counters.count('send.closed');
      return;
    }
    this.#sendRelayed(path, bytes);
  }

  /**
   * As {@link send}, to whoever asked, without any knowledge of who that is: the address may be forged, so it is sent this
   * one datagram, and nothing else is done for it.
   */
  reply(path: TransportPath, bytes: Uint8Array): void {
    if (path.kind === 'relayed') return this.#sendRelayed(path, bytes);
    const socket = this.#sockets.get(path.base.id);
    if (socket) socket.reply(bytes, path);
    else this.#counters.count('send.closed');
  }

  /** WireGuard knows what came in on this path for authentic: from now on it is answered from where it came in. */
  authenticated(path: TransportPath): void {
    if (path.kind === 'socket') this.#sockets.get(path.base.id)?.authenticated(path);
  }

  confirmed(path: TransportPath): void {
    if (path.kind === 'socket') this.#sockets.get(path.base.id)?.confirmed(path);
  }

  /** In sentences, for people. */
  problems(): string[] {
    return this.port === undefined ? [] : (this.#members?.problems(this.port) ?? []);
  }

  /** Tells the destination of a path before anything is sent there, so that routes are right from the first datagram on. */
  announce(path: TransportPath): void {
    if (path.kind === 'socket') this.#noteRemote(path.remote.ip);
    else if (path.framing.kind === 'channel') this.#noteRemote(path.framing.server.ip);
  }

  onDatagram(listener: DatagramListener): Disposable {
    return this.#listeners.add(listener);
  }

  receive(path: TransportPath, bytes: Uint8Array): void {
    if (this.#closed) return;
    if (kindOf(bytes) === 'stun') this.#offer('stun', path, bytes);
    else this.#options.onWireGuard(bytes, path);
  }

  /** Calls back for every socket, those open now and those opened later. */
  forEachSocket(configure: (socket: UdpSocket, base: Base) => void): void {
    for (const one of this.#sockets.values()) for (const socket of one.sockets()) configure(socket, one.base);
    this.#onOpened.push(configure);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#members?.stop();
    this.#edges[Symbol.dispose]();
    for (const base of this.bases) this.closeBase(base);
    await Promise.all(this.#closing);
  }

  #sendRelayed({ framing }: Extract<TransportPath, { kind: 'relayed' }>, bytes: Uint8Array): void {
    if (framing.kind === 'stream') {
      try {
        framing.send(bytes);
      } catch {
        // A relay that is gone loses datagrams; it says so through its allocation.
        this.#counters.count('send.stream');
      }
      return;
    }
    const socket = this.#sockets.get(framing.base.id);
    if (!socket) return this.#counters.count('send.closed');
    // RFC 8656 section 12.4: channel number, length; no padding over UDP.
    const framed = Buffer.allocUnsafe(CHANNEL_HEADER_BYTES + bytes.length);
    framed.writeUInt16BE(framing.channel, 0);
    framed.writeUInt16BE(bytes.length & 0xffff, 2);
    framed.set(bytes, CHANNEL_HEADER_BYTES);
    socket.send(framed, framing.server);
  }

  async #bind(family: 4 | 6, port: number, shared: boolean, signal: AbortSignal): Promise<BaseSocket> {
    this.#checkOpen(signal);
    const id = `udp${family}-${this.#nextId++}`;
    const { guard, openSocket: open = openSystemSocket, onSendFailed } = this.#options;
    const parts = { counters: this.#counters, guard, ...this.#edges };
    const events = { onDatagram: this.#onReceived, onSendFailed };
    let socket: BaseSocket;
    try {
      socket = await BaseSocket.bind({ id, family, port, shared, open, events, ...parts });
    } catch (cause) {
      throw bindError(cause as NodeJS.ErrnoException, family, port);
    }
    if (this.#closed || signal.aborted) await socket.close();
    this.#checkOpen(signal);
    this.#sockets.set(id, socket);
    this.#prepare(socket.socket, socket.base);
    return socket;
  }

  #prepare(socket: UdpSocket, base: Base): void {
    for (const configure of this.#onOpened) configure(socket, base);
  }

  #sharedSocket(family: 4 | 6): BaseSocket | undefined {
    const base = this.sharedBase(family);
    return base && this.#sockets.get(base.id);
  }

  #await(closing: Promise<void>): void {
    const waiting = closing.finally(() => this.#closing.delete(waiting));
    this.#closing.add(waiting);
  }

  #checkOpen(signal: AbortSignal): void {
    if (this.#closed || signal.aborted) {
      throw new CodedError('ABORTED', 'the transport was stopped', { cause: signal.reason });
    }
  }

  readonly #onReceived = (path: TransportPath, bytes: Uint8Array, base: Base): void => {
    const kind = kindOf(bytes);
    // On an extra base what is nobody's may be a listener's (a port mapping protocol); on the shared one WireGuard counts it.
    if (kind === 'wireguard' || (kind === 'other' && base.shared)) this.#options.onWireGuard(bytes, path);
    else this.#offer(kind, path, bytes);
  };

  #offer(kind: Exclude<DatagramKind, 'wireguard'>, path: TransportPath, bytes: Uint8Array): void {
    if (!this.#listeners.offer({ path, bytes })) this.#counters.count(UNCLAIMED[kind]);
  }

  #noteRemote(ip: string): void {
    if (this.#remotes.has(ip)) return;
    if (this.#remotes.size >= 4096) this.#remotes.clear();
    this.#remotes.add(ip);
    this.#options.onRemote(ip);
  }
}

/** A system without IPv6 (or IPv4) is no error as long as it has the other. */
function unlessFamilyMissing(error: unknown): undefined {
  const code = error instanceof CodedError ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined;
  if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error;
  return undefined;
}

function bindError(cause: NodeJS.ErrnoException, family: 4 | 6, port: number): CodedError {
  const subject = `${family === 4 ? '0.0.0.0' : '[::]'}:${port}`;
  switch (cause.code) {
    case 'EADDRINUSE':
      return new CodedError('ADDRESS_IN_USE', `UDP port ${port} is in use (${subject})`, {
        subject,
        advice:
          'Stop the process that has it (`ss -lunp` shows which), or choose another `listenPort` (0: any that is free).',
        cause,
      });
    case 'EACCES':
    case 'EPERM': {
      const { reason, advice } = deniedPort(port, cause.code);
      return new CodedError('PERMISSION_DENIED', `UDP port ${port} may not be opened (${subject}): ${reason}`, {
        subject,
        advice,
        cause,
      });
    }
    default:
      return new CodedError('NETWORK_CONFIG', `cannot open a UDP socket on ${subject}: ${cause.message}`, {
        subject,
        cause,
      });
  }
}
