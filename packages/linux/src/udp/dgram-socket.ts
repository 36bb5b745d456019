import { throwUncaught } from '../loop/throw-uncaught.js';
import type { PacketMemory } from '../memory/packet-memory.js';
import { socketDescriptor } from '../sockets/socket-descriptor.js';
import type { DatagramOffloads, DatagramReceiver, DatagramSocket } from './datagram-socket.js';
import { socketAddress, type SocketAddress } from './socket-address.js';

const MARGIN_BYTES = 64;
const DATAGRAM_MAX_BYTES = 65_536;
/** Of packet memory, for all of these sockets together. */
export const DGRAM_SOCKET_BYTES = DATAGRAM_MAX_BYTES + 2 * MARGIN_BYTES;
/** Datagrams that libuv keeps while the kernel's buffer is full: beyond this they are dropped, as a NIC would. */
const SEND_QUEUE_MAX_BYTES = 4 << 20;
/** Datagrams that are kept until somebody listens; what does not fit is lost, as it is in the kernel. */
const WAITING_MAX = 256;
/** Sources that are remembered: the last so many, and as many of before. */
const SOURCES_MAX = 2048;

interface From {
  readonly address: string;
  readonly port: number;
}

/** The part of a bound `node:dgram` socket that is used here, for sockets of other networks. */
export interface DgramLike {
  address(): { readonly port: number };
  on(event: 'message', listener: (bytes: Buffer, from: From) => void): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  removeAllListeners(event: 'message'): unknown;
  /** The bytes must not change until the callback. */
  send(bytes: Uint8Array, port: number, ip: string, callback: (error: NodeJS.ErrnoException | null) => void): void;
  /** Bytes that wait for the system to take them. */
  getSendQueueSize(): number;
  close(callback: () => void): unknown;
}

/** Where what comes in is copied to: one place for all sockets of a memory, for each is done with it before the next. */
const places = new WeakMap<PacketMemory, number>();

/** `node:dgram` one by one, where the system has nothing better: portable, and with a copy of each datagram in either direction. */
export class DgramSocket<Source> implements DatagramSocket<Source> {
  readonly kind = 'dgram';
  readonly family: 4 | 6;
  readonly port: number;
  readonly offloads: DatagramOffloads = { used: [], givenUp: [] };
  readonly #memory: PacketMemory;
  readonly #socket: DgramLike;
  readonly #place: number;
  #sources = new Map<string, Source>();
  #olderSources = new Map<string, Source>();
  /** Node reads from the moment on that a socket is bound. */
  #waiting: { readonly bytes: Buffer; readonly from: From }[] = [];
  #receiver: DatagramReceiver<Source> | undefined;
  #closing: Promise<void> | undefined;

  constructor(memory: PacketMemory, socket: DgramLike, family: 4 | 6) {
    this.#memory = memory;
    this.#socket = socket;
    this.family = family;
    this.port = socket.address().port;
    this.#place = places.get(memory) ?? memory.reserve(DGRAM_SOCKET_BYTES) + MARGIN_BYTES;
    places.set(memory, this.#place);
    socket.on('error', (error) => this.#receiver?.failed(error.code ?? error.name, 0));
    socket.on('message', (bytes, from) => {
      if (this.#receiver !== undefined) this.#handIn(bytes, from, this.#receiver);
      else if (this.#waiting.length < WAITING_MAX) this.#waiting.push({ bytes, from });
    });
  }

  get descriptor(): number | undefined {
    return process.platform === 'linux' ? socketDescriptor(this.#socket) : undefined;
  }

  start(receiver: DatagramReceiver<Source>): void {
    if (this.#receiver !== undefined || this.#closing !== undefined) return;
    this.#receiver = receiver;
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) return;
    // Not from within the call, and before what comes in next.
    queueMicrotask(() => {
      for (const { bytes, from } of waiting) {
        try {
          this.#handIn(bytes, from, receiver);
        } catch (error) {
          throwUncaught(error);
        }
      }
    });
  }

  send(offset: number, sizeBytes: number, to: SocketAddress): void {
    if (this.#closing !== undefined) return this.#failed('closed');
    if (this.#socket.getSendQueueSize() > SEND_QUEUE_MAX_BYTES) return this.#failed('queue-full');
    try {
      // A copy: a full kernel buffer keeps it waiting.
      this.#socket.send(this.#memory.bytes.slice(offset, offset + sizeBytes), to.port, to.ip, this.#onSent);
    } catch (error) {
      // Port 0 and the like, from an address that somebody signalled.
      this.#failed((error as NodeJS.ErrnoException).code ?? 'failed');
    }
  }

  flush(): void {
    // Each has left already.
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#socket.removeAllListeners('message');
      this.#socket.close(() => resolve());
    });
    return this.#closing;
  }

  readonly #onSent = (error: NodeJS.ErrnoException | null): void => {
    if (error) this.#failed(error.code ?? 'failed');
  };

  #handIn(bytes: Buffer, from: From, receiver: DatagramReceiver<Source>): void {
    if (this.#closing !== undefined || bytes.length > DATAGRAM_MAX_BYTES) return;
    const source = this.#sourceOf(from, receiver);
    if (source === undefined) return;
    this.#memory.bytes.set(bytes, this.#place);
    try {
      receiver.datagram(this.#place, bytes.length, source);
    } catch (error) {
      throwUncaught(error);
    }
    receiver.batchEnd();
  }

  #failed(code: string): void {
    try {
      this.#receiver?.failed(code, 1);
    } catch (error) {
      throwUncaught(error);
    }
  }

  #sourceOf(from: From, receiver: DatagramReceiver<Source>): Source | undefined {
    const { address: ip, port } = from;
    const key = `${port} ${ip}`;
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const source = this.#olderSources.get(key) ?? receiver.source(addressOf(ip, port));
    if (source === undefined) return undefined;
    if (this.#sources.size >= SOURCES_MAX) {
      this.#olderSources = this.#sources;
      this.#sources = new Map();
    }
    this.#sources.set(key, source);
    return source;
  }
}

/** Sockets of other networks may say what they like: without an address there is at least a text, which the receiver refuses. */
function addressOf(ip: string | undefined, port: number): SocketAddress {
  try {
    return socketAddress(ip ?? '', port);
  } catch {
    return { family: 4, ip: String(ip), port, words: new Uint32Array(4) };
  }
}
