import type { TransportAddress } from '@wirepath/core/plugin';
import { PacketMemory, type DatagramReceiver, type DatagramSocket, type SocketAddress } from '@wirepath/linux';

const SLOT_BYTES = 65_536;

/** One slot of a packet memory: what is received is there during the call, and then is overwritten. */
export class MemorySlot {
  readonly memory = new PacketMemory(1024 * 1024);
  readonly #offset = this.memory.reserve(64 + SLOT_BYTES) + 64;

  hand<Source>(receiver: DatagramReceiver<Source>, bytes: Buffer, source: Source): void {
    this.memory.bytes.set(bytes, this.#offset);
    receiver.datagram(this.#offset, bytes.length, source);
    receiver.batchEnd();
    this.memory.bytes.fill(0xee, this.#offset - 64, this.#offset + bytes.length);
  }
}

/** A UDP socket on a network in memory, with sources remembered for good. */
export class MemoryUdpSocket<Source> implements DatagramSocket<Source> {
  readonly kind = 'dgram';
  readonly descriptor = undefined;
  readonly offloads = { used: [], givenUp: [] };
  readonly family: 4 | 6;
  readonly port: number;
  readonly #slot: MemorySlot;
  readonly #transmit: (bytes: Buffer, to: SocketAddress) => void;
  readonly #onClose: () => void;
  readonly #sources = new Map<string, Source | undefined>();
  #queue: { readonly offset: number; readonly sizeBytes: number; readonly to: SocketAddress }[] = [];
  #receiver: DatagramReceiver<Source> | undefined;
  #closed = false;

  constructor(
    { family, port }: TransportAddress,
    slot: MemorySlot,
    transmit: (bytes: Buffer, to: SocketAddress) => void,
    onClose: () => void,
  ) {
    this.family = family;
    this.port = port;
    this.#slot = slot;
    this.#transmit = transmit;
    this.#onClose = onClose;
  }

  start(receiver: DatagramReceiver<Source>): void {
    this.#receiver = receiver;
  }

  receive(bytes: Buffer, from: SocketAddress): void {
    const receiver = this.#receiver;
    if (receiver === undefined || this.#closed) return;
    const key = `${from.ip} ${from.port}`;
    if (!this.#sources.has(key)) this.#sources.set(key, receiver.source(from));
    const source = this.#sources.get(key);
    if (source !== undefined) this.#slot.hand(receiver, bytes, source);
  }

  send(offset: number, sizeBytes: number, to: SocketAddress): void {
    this.#queue.push({ offset, sizeBytes, to });
  }

  flush(): void {
    for (const { offset, sizeBytes, to } of this.#queue.splice(0))
      if (!this.#closed) this.#transmit(Buffer.from(this.#slot.memory.bytes.subarray(offset, offset + sizeBytes)), to);
  }

  close(): Promise<void> {
    this.flush();
    if (!this.#closed) this.#onClose();
    this.#closed = true;
    return Promise.resolve();
  }
}
