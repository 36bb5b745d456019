import {
  CodedError,
  Listeners,
  socketPath,
  type Base,
  type Counters,
  type DatagramListener,
  type Datagrams,
  type Guard,
  type ReceivedDatagram,
  type TransportPath,
} from '@wirepath/core/plugin';
import { socketAddress, type UdpBatches } from '@wirepath/linux';
import type { PacketBuffers } from '../protocol/packet-buffers.js';
import { addressEdges, addressMembers, type AddressEdges, type AddressMembersOptions } from './address-members.js';
import { BaseSocket } from './base-socket.js';
import { bindError, unlessFamilyMissing } from './bind-error.js';
import { CHANNEL_HEADER_BYTES, LearntChannels, readChannelData, writeChannelHeader } from './relay-channels.js';
import { kindOf, type DatagramKind } from './demultiplex.js';
import { PacketPath, type Carrier } from './packet-path.js';
import { sourceOf } from './path-source.js';
import type { SocketEnd, SocketEndEvents } from './socket-end.js';
import { openSystemSocket, type OpenUdpSocket } from './udp-socket.js';

/** Tries for a port that is free in both families. */
const PORT_ATTEMPTS = 16;
const CLOSED: Carrier = { kind: 'closed' };
/** What is counted where no listener takes a datagram. */
const UNCLAIMED = { stun: 'stun.unclaimed', channel: 'channel-data.unclaimed', other: 'other.unclaimed' } as const;

export interface SocketsOptions {
  readonly guard: Guard;
  readonly counters: Counters;
  /** Where datagrams lie, those that wait to be sent in its ring of sealed ones. */
  readonly buffers: PacketBuffers;
  /** A datagram that is WireGuard's, from a socket or out of a relay, in the packet memory. Valid only during the call. */
  readonly onWireGuard: (offset: number, sizeBytes: number, from: PacketPath) => void;
  /** Before anything is done for a datagram. @default all are */
  readonly isWanted?: ((offset: number, sizeBytes: number) => boolean) | undefined;
  /** After one or more datagrams of a socket; what they led to is sent after it. */
  readonly onBatchEnd?: (() => void) | undefined;
  /** The system did not take a datagram. @param code its reason. */
  readonly onSendFailed?: ((code: string | undefined) => void) | undefined;
  /** A destination is sent to for the first time. */
  readonly onRemote: (ip: string) => void;
  /** All addresses of this machine, where they are followed, as they come and go. */
  readonly onAddresses?: ((ips: readonly string[]) => void) | undefined;
  /** Monotonic, ms. @default the process's */
  readonly now?: (() => number) | undefined;
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
  readonly #onOpened: ((socket: SocketEnd, base: Base) => void)[] = [];
  readonly #paths = new WeakMap<TransportPath, PacketPath>();
  /** With datagrams that wait for the next flush. */
  #waiting: SocketEnd[] = [];
  #inBatch = false;
  /** ChannelData that a relay's client is unwrapping. */
  #unwrapping: { readonly from: PacketPath; readonly channel: number } | undefined;
  #batches: UdpBatches | undefined;
  readonly #members: ReturnType<typeof addressMembers> | undefined;
  readonly #edges: AddressEdges;
  readonly #now: () => number;
  #nextId = 1;
  #closed = false;

  constructor(options: SocketsOptions) {
    this.#options = options;
    this.#counters = options.counters;
    this.#listeners = new Listeners(options.guard, 'datagram');
    options.buffers.sealed.onFull = () => this.#flushEnds();
    const { follow, onAddresses } = options;
    this.#now = options.now ?? (() => performance.now());
    this.#edges = addressEdges(follow);
    if (follow === undefined) return;
    this.#members = addressMembers(follow, {
      base: (family) => this.#sharedSocket(family),
      prepare: (end, { base }) => this.#prepare(end, base),
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
    this.sendOn(this.packetPath(path), this.#options.buffers.putMessage(bytes), bytes.length);
    if (!this.#inBatch) this.flush();
  }

  /**
   * Queues a datagram of the ring of sealed ones until the next {@link flush}. Never throws. The 4 bytes before it may be
   * overwritten.
   */
  sendOn(path: PacketPath, offset: number, sizeBytes: number): void {
    const { carrier } = path;
    if (!path.isAnnounced) this.#announce(path);
    if (carrier.kind === 'socket') carrier.socket.send(offset, sizeBytes, carrier.to, path);
    else this.#sendRelayed(carrier, offset, sizeBytes);
  }

  sendOnAll(paths: readonly PacketPath[], offset: number, sizeBytes: number): void {
    const first = paths[0];
    if (first !== undefined) this.sendOn(first, offset, sizeBytes);
    if (paths.length < 2) return;
    for (const other of paths.slice(1)) {
      // The header of a channel is written before the bytes, so each has a copy of its own.
      const { bytes } = this.#options.buffers.memory;
      this.sendOn(other, this.#options.buffers.putMessage(bytes.subarray(offset, offset + sizeBytes)), sizeBytes);
    }
  }

  /**
   * As {@link sendOn}, to whoever asked, without any knowledge of who that is: the address may be forged, so it is sent this
   * one datagram, and nothing else is done for it.
   */
  reply(path: PacketPath, offset: number, sizeBytes: number): void {
    const { carrier } = path;
    if (carrier.kind === 'socket') carrier.socket.reply(offset, sizeBytes, carrier.to, path);
    else this.#sendRelayed(carrier, offset, sizeBytes);
  }

  flush(): void {
    this.#flushEnds();
    this.#options.buffers.sealed.clear();
  }

  /** WireGuard knows what came in on this path for authentic: from now on it is answered from where it came in. */
  authenticated(path: PacketPath): void {
    if (path.carrier.kind === 'socket') path.carrier.socket.authenticated(path);
  }

  confirmed(path: TransportPath): void {
    const confirmed = this.packetPath(path);
    if (confirmed.carrier.kind === 'socket') confirmed.carrier.socket.confirmed(confirmed);
  }

  /** The path as packets take it. */
  packetPath(path: TransportPath): PacketPath {
    const known = this.#paths.get(path);
    if (known !== undefined && known.carrier.kind !== 'closed') return known;
    const made = new PacketPath(path, this.#carrierOf(path), path.kind === 'socket' ? sourceOf(path) : undefined);
    this.#paths.set(path, made);
    return made;
  }

  problems(): string[] {
    return this.port === undefined ? [] : (this.#members?.problems(this.port) ?? []);
  }

  /** Tells the destination of a path before anything is sent there, so that routes are right from the first datagram on. */
  announce(path: TransportPath): void {
    this.#announce(this.packetPath(path));
  }

  onDatagram(listener: DatagramListener): Disposable {
    return this.#listeners.add(listener);
  }

  receive(path: TransportPath, bytes: Uint8Array): void {
    if (this.#closed) return;
    const { onWireGuard, onBatchEnd, buffers } = this.#options;
    const from = this.packetPath(path);
    this.#learn(from);
    if (kindOf(bytes) === 'stun') return this.#offer('stun', path, bytes);
    onWireGuard(buffers.putDatagram(bytes), bytes.length, from);
    if (!this.#inBatch) onBatchEnd?.();
  }

  /** Calls back for every socket, those open now and those opened later. */
  forEachSocket(configure: (socket: SocketEnd, base: Base) => void): void {
    for (const one of this.#sockets.values()) for (const socket of one.ends()) configure(socket, one.base);
    this.#onOpened.push(configure);
  }

  /** Takes and gives datagrams in batches from here on, with sockets that are opened later, too. @throws what keeps the system from it. */
  batch(batches: UdpBatches): void {
    for (const socket of this.#sockets.values()) socket.batch(batches);
    this.#batches = batches;
  }

  /** What the sockets make use of, of the one that has given up most. */
  get offloads(): SocketEnd['offloads'] | undefined {
    const all = [...this.#sockets.values()].flatMap((socket) => socket.ends().map(({ offloads }) => offloads));
    return all.sort((a, b) => b.givenUp.length - a.givenUp.length)[0];
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#members?.stop();
    this.#edges[Symbol.dispose]();
    for (const base of this.bases) this.closeBase(base);
    await Promise.all(this.#closing);
  }

  #sendRelayed(carrier: Exclude<Carrier, { kind: 'socket' }>, offset: number, sizeBytes: number): void {
    const { memory } = this.#options.buffers;
    if (carrier.kind === 'closed') return this.#counters.count('send.closed');
    if (carrier.kind === 'channel') {
      const header = offset - CHANNEL_HEADER_BYTES;
      writeChannelHeader(memory, header, carrier.channel, sizeBytes);
      return this.sendOn(carrier.server, header, CHANNEL_HEADER_BYTES + sizeBytes);
    }
    try {
      carrier.send(memory.bytes.slice(offset, offset + sizeBytes));
    } catch {
      // A relay that is gone loses datagrams; it says so through its allocation.
      this.#counters.count('send.stream');
    }
  }

  #carrierOf(path: TransportPath): Carrier {
    if (path.kind === 'relayed') {
      const { framing } = path;
      if (framing.kind === 'stream') return framing;
      const server = this.packetPath(socketPath(framing.base, framing.server));
      return server.carrier.kind === 'closed' ? CLOSED : { kind: 'channel', server, channel: framing.channel };
    }
    const socket = this.#sockets.get(path.base.id);
    const { ip, port } = path.remote;
    return socket === undefined ? CLOSED : { kind: 'socket', socket, to: socketAddress(ip, port) };
  }

  #flushEnds(): void {
    for (const end of this.#waiting.splice(0)) end.flush();
  }

  async #bind(family: 4 | 6, port: number, shared: boolean, signal: AbortSignal): Promise<BaseSocket> {
    this.#checkOpen(signal);
    const id = `udp${family}-${this.#nextId++}`;
    const { guard, openSocket: open = openSystemSocket, buffers } = this.#options;
    const parts = {
      memory: buffers.memory,
      counters: this.#counters,
      guard,
      events: this.#eventsOf(shared),
      ...this.#edges,
    };
    let socket: BaseSocket;
    try {
      socket = await BaseSocket.bind({ id, family, port, shared, open, ...parts });
    } catch (cause) {
      throw bindError(cause as NodeJS.ErrnoException, family, port);
    }
    if (this.#closed || signal.aborted) await socket.close();
    this.#checkOpen(signal);
    this.#sockets.set(id, socket);
    for (const end of socket.ends()) this.#prepare(end, socket.base);
    if (this.#batches !== undefined) socket.batch(this.#batches);
    return socket;
  }

  #prepare(socket: SocketEnd, base: Base): void {
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

  #eventsOf(shared: boolean): SocketEndEvents {
    const { onBatchEnd, onSendFailed, isWanted = () => true } = this.#options;
    return {
      isWanted,
      onDatagram: (from, offset, sizeBytes) => {
        this.#inBatch = true;
        this.#receiveOn(shared, from, offset, sizeBytes);
      },
      onBatchEnd: () => {
        this.#inBatch = false;
        onBatchEnd?.();
        this.flush();
      },
      onQueued: (end) => this.#waiting.push(end),
      onSendFailed,
    };
  }

  #receiveOn(shared: boolean, from: PacketPath, offset: number, sizeBytes: number): void {
    const { bytes, u32 } = this.#options.buffers.memory;
    // Almost all is data of WireGuard's (its type, and three zeros): the rest is looked at more closely.
    if (sizeBytes >= 32 && u32[offset >>> 2] === 4) return this.#options.onWireGuard(offset, sizeBytes, from);
    const datagram = bytes.subarray(offset, offset + sizeBytes);
    const kind = kindOf(datagram);
    // On an extra base what is nobody's may be a listener's (a port mapping protocol); on the shared one WireGuard counts it.
    if (kind === 'wireguard' || (kind === 'other' && shared)) this.#options.onWireGuard(offset, sizeBytes, from);
    else if (kind === 'channel') this.#receiveChannelData(from, offset, sizeBytes, datagram);
    else this.#offer(kind, from.path, datagram);
  }

  /** What is relayed is taken out of it here where the relay's client did so lately, and otherwise by that. */
  #receiveChannelData(from: PacketPath, offset: number, sizeBytes: number, datagram: Uint8Array): void {
    const { buffers, onWireGuard } = this.#options;
    const data = readChannelData(buffers.memory, offset, sizeBytes);
    const peer = data && from.channels?.find(data.channel, this.#now());
    if (data !== undefined && peer !== undefined) {
      const { payload, payloadBytes } = data;
      const inner = buffers.memory.bytes.subarray(payload, payload + payloadBytes);
      if (kindOf(inner) === 'stun') this.#offer('stun', peer.path, inner);
      else onWireGuard(payload, payloadBytes, peer);
      return;
    }
    this.#unwrapping = data && { from, channel: data.channel };
    this.#offer('channel', from.path, datagram);
    this.#unwrapping = undefined;
  }

  #learn(peer: PacketPath): void {
    const { from, channel } = this.#unwrapping ?? {};
    if (from === undefined || peer.carrier.kind !== 'channel' || peer.carrier.channel !== channel) return;
    from.channels ??= new LearntChannels();
    from.channels.learn(channel, peer, this.#now());
  }

  #offer(kind: Exclude<DatagramKind, 'wireguard'>, path: TransportPath, bytes: Uint8Array): void {
    if (!this.#listeners.offer({ path, bytes })) this.#counters.count(UNCLAIMED[kind]);
  }

  #announce(path: PacketPath): void {
    path.isAnnounced = true;
    const { carrier } = path;
    if (carrier.kind === 'socket') this.#noteRemote(path.remote.ip);
    else if (carrier.kind === 'channel') this.#announce(carrier.server);
  }

  #noteRemote(ip: string): void {
    if (this.#remotes.has(ip)) return;
    if (this.#remotes.size >= 4096) this.#remotes.clear();
    this.#remotes.add(ip);
    this.#options.onRemote(ip);
  }
}
