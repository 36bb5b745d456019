import { transportAddress, tryTransportAddress, type Base, type Counters, type Guard } from '@wirepath/core/plugin';
import {
  DgramSocket,
  type DatagramSocket,
  type PacketMemory,
  type SocketAddress,
  type UdpBatches,
} from '@wirepath/linux';
import { PacketPath, type PathSocket } from './packet-path.js';
import { pathFromSource, type Source, type SourceAddress } from './path-source.js';
import type { UdpSocket } from './udp-socket.js';

export interface SocketEndEvents {
  /** Before anything is done for it. */
  isWanted(offset: number, sizeBytes: number): boolean;
  /** Bytes in the packet memory, valid during the call. */
  onDatagram(from: PacketPath, offset: number, sizeBytes: number): void;
  /** After one or more datagrams. */
  onBatchEnd(): void;
  /** The first of what the next flush will send. */
  onQueued(end: SocketEnd): void;
  /** The system did not take a datagram. @param code its reason. */
  onSendFailed?: ((code: string | undefined) => void) | undefined;
}

export interface SocketEndOptions {
  /** Which it is a part of. */
  readonly owner: PathSocket;
  readonly base: Base;
  readonly socket: UdpSocket;
  /** The address that it is bound to; undefined for the wildcard. */
  readonly address: SourceAddress | undefined;
  readonly memory: PacketMemory;
  readonly counters: Counters;
  readonly guard: Guard;
  readonly events: SocketEndEvents;
}

/** One socket of the system: at the wildcard address of its base's family, or at one of this machine's. */
export class SocketEnd implements Source {
  readonly address: SourceAddress | undefined;
  readonly #options: SocketEndOptions;
  readonly #family: 4 | 6;
  #socket: DatagramSocket<PacketPath>;
  #queued = false;
  isOpen = true;

  constructor(options: SocketEndOptions) {
    this.#options = options;
    this.address = options.address;
    this.#family = options.base.family;
    this.#socket = new DgramSocket<PacketPath>(options.memory, options.socket, this.#family);
    this.#start();
  }

  /** For socket options. */
  get descriptor(): number | undefined {
    return this.#socket.descriptor;
  }

  /** Local. */
  get port(): number {
    return this.#socket.port;
  }

  /** What it makes use of, for people. */
  get offloads() {
    return { kind: this.#socket.kind, ...this.#socket.offloads };
  }

  /** Goes on in batches, with what waits in the socket. @throws what keeps the system from it; then all is as it was. */
  batch(batches: UdpBatches): void {
    if (!this.isOpen || this.#socket.kind === 'batched') return;
    const before = this.#socket;
    if (before.descriptor === undefined) return;
    this.flush();
    this.#socket = batches.adopt<PacketPath>(before.descriptor, this.#family, before.port);
    void before.close();
    this.#start();
  }

  /** Never throws. It leaves with the next {@link flush}; until then its bytes stay as they are. */
  send(offset: number, sizeBytes: number, to: SocketAddress): void {
    const { counters, events } = this.#options;
    if (!this.isOpen) return counters.count('send.closed');
    if (to.family !== this.#family) return counters.count('send.family');
    this.#socket.send(offset, sizeBytes, to);
    if (this.#queued) return;
    this.#queued = true;
    events.onQueued(this);
  }

  flush(): void {
    this.#queued = false;
    if (this.isOpen) this.#socket.flush();
  }

  close(): Promise<void> {
    if (!this.isOpen) return Promise.resolve();
    this.isOpen = false;
    return this.#socket.close();
  }

  #start(): void {
    const { guard, counters, events } = this.#options;
    this.#socket.start({
      source: (address) => this.#pathFrom(address),
      isWanted: (offset, sizeBytes) => events.isWanted(offset, sizeBytes),
      // Written out, not by way of `wrap`: it is on the way of every packet.
      datagram: (offset, sizeBytes, from) => {
        try {
          events.onDatagram(from, offset, sizeBytes);
        } catch (error) {
          guard.failed('datagram', error);
        }
      },
      batchEnd: guard.wrap('datagrams', () => events.onBatchEnd()),
      failed: (code, count) => {
        // ICMP errors and the like: what was lost is lost, the socket lives on.
        if (count === 0) return counters.count(`socket-error.${code}`);
        for (let i = 0; i < count; i++) counters.count(`send.${code}`);
        events.onSendFailed?.(code);
      },
    });
  }

  /** Undefined, and counted, where there is no answering. */
  #pathFrom(address: SocketAddress): PacketPath | undefined {
    const { base, owner, counters } = this.#options;
    const source = this.address === undefined ? undefined : this;
    const carrier = { kind: 'socket', socket: owner, to: address } as const;
    // A source port of 0 is legal on the wire and cannot be answered.
    if (address.port === 0) counters.count('receive.port-0');
    // What the kernel says is an address; other networks may say what they like.
    else if (this.#socket.kind === 'batched' || tryTransportAddress(address.ip, address.port) !== undefined) {
      const path = () => pathFromSource(base, transportAddress(address.ip, address.port), source);
      return new PacketPath(path, carrier, source);
    } else counters.count('receive.no-address');
    return undefined;
  }
}
