import type { SocketAddress } from './socket-address.js';

/**
 * A UDP socket that takes and gives datagrams in batches, at offsets into the {@link PacketMemory} that it was opened with. The
 * system's calls for many datagrams at a time implement it, and `node:dgram`, one by one.
 */
export interface DatagramSocket<Source> {
  /** `batched`: recvmmsg and sendmmsg. */
  readonly kind: 'batched' | 'dgram';
  readonly family: 4 | 6;
  /** Local, as bound. */
  readonly port: number;
  /** For socket options; undefined where the system shows none. */
  readonly descriptor: number | undefined;
  /** Once. Until then what comes in waits, as much as a socket's buffer holds. */
  start(receiver: DatagramReceiver<Source>): void;
  /**
   * Queues one. It may leave with the next {@link DatagramSocket.flush} only, and its bytes must stay as they are until then.
   * Never throws: what the system does not take is dropped, and told to {@link DatagramReceiver.failed}.
   */
  send(offset: number, sizeBytes: number, to: SocketAddress): void;
  /** Sends what was queued, in that order for each destination. */
  flush(): void;
  /** What it makes use of now, for people: `recvmmsg`, `GRO`, ... and what it has given up, with the reason. */
  readonly offloads: DatagramOffloads;
  /** What was queued is sent. Idempotent; resolves when the descriptor is closed. Nothing is received any more from the call on. */
  close(): Promise<void>;
}

export interface DatagramOffloads {
  /** In the order of use: `sendmmsg`, `recvmmsg`, `GSO`, `GRO`. */
  readonly used: readonly string[];
  /** `GSO: EIO, ...` */
  readonly givenUp: readonly string[];
}

/** What one of these throws is the process's `uncaughtException`; the others are called as if nothing had been. */
export interface DatagramReceiver<Source> {
  /**
   * What is to stand for a source, asked for once as long as the source is remembered (the last thousands are).
   * @returns undefined: the datagram is dropped. That is not remembered, and takes none of the room: each of its datagrams is
   * asked about, so that they can be counted.
   */
  source(address: SocketAddress): Source | undefined;
  /**
   * Asked before anything else is done for a datagram, its source looked up: a flood is dropped here.
   * @default all are
   */
  isWanted?(offset: number, sizeBytes: number): boolean;
  /**
   * One datagram, at a multiple of 4 and valid during the call. The 64 bytes before it may be overwritten (its own, too): what lies there has
   * been handed in before.
   */
  datagram(offset: number, sizeBytes: number, source: Source): void;
  /** After one or more datagrams: what they led to can leave now. */
  batchEnd(): void;
  /**
   * The system refused something.
   * @param code `EHOSTUNREACH`, ... @param count of datagrams that were lost by it; 0 for an error that came in (ICMP).
   */
  failed(code: string, count: number): void;
}
