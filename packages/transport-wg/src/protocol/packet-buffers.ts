import type { PacketMemory } from '@wirepath/linux';
import { CIPHER_MARGIN_BYTES } from '../crypto/packet-cipher.js';

/** The largest packet or datagram. */
export const MAX_PACKET_BYTES = 65_535;
/** The largest that IP has, and what a cipher may overwrite behind it. */
const SLOT_BYTES = 65_536 + 2 * CIPHER_MARGIN_BYTES;

/**
 * Room for packets that wait for the end of a batch, one behind the other. Each is preceded by the margin that a cipher needs, in
 * which its header lies.
 */
export class PacketRing {
  /** Called when it is full: whatever is in it has to leave before this returns. */
  onFull: () => void = () => undefined;
  readonly #start: number;
  readonly #end: number;
  #next: number;

  constructor(memory: PacketMemory, sizeBytes: number) {
    this.#start = memory.reserve(sizeBytes);
    this.#end = this.#start + sizeBytes;
    this.#next = this.#start;
  }

  /** @returns where `sizeBytes` may be written: a multiple of 64. */
  take(sizeBytes: number): number {
    if (this.#next + sizeBytes + 2 * CIPHER_MARGIN_BYTES > this.#end) {
      this.onFull();
      this.#next = this.#start;
    }
    const offset = this.#next + CIPHER_MARGIN_BYTES;
    this.#next = (offset + sizeBytes + 63) & ~63;
    return offset;
  }

  /** All that is in it has left. */
  clear(): void {
    this.#next = this.#start;
  }
}

/** Where the packets of a device lie while it has them in hand. */
export class PacketBuffers {
  static readonly SIZE_BYTES = 2 * (512 << 10) + 2 * SLOT_BYTES;

  readonly memory: PacketMemory;
  /** Datagrams on their way out: an offset is that of what is sealed; before it is place for the headers. */
  readonly sealed: PacketRing;
  /** Inner packets on their way to the inner side. */
  readonly opened: PacketRing;
  readonly #datagram: number;
  /** Room for one inner packet. */
  readonly packetSlot: number;

  /** Takes {@link PacketBuffers.SIZE_BYTES} of the memory. */
  constructor(memory: PacketMemory) {
    this.memory = memory;
    this.sealed = new PacketRing(memory, 512 << 10);
    this.opened = new PacketRing(memory, 512 << 10);
    this.#datagram = memory.reserve(SLOT_BYTES) + CIPHER_MARGIN_BYTES;
    this.packetSlot = memory.reserve(SLOT_BYTES) + CIPHER_MARGIN_BYTES;
  }

  /** What lies there, to be kept. */
  copyOf(offset: number, sizeBytes: number): Uint8Array {
    return this.memory.bytes.slice(offset, offset + sizeBytes);
  }

  /** Copies a datagram from elsewhere to a place of its own, until the next one. @returns its offset. */
  putDatagram(bytes: Uint8Array): number {
    this.memory.bytes.set(bytes, this.#datagram);
    return this.#datagram;
  }

  /** As {@link putDatagram}, for an inner packet. */
  putPacket(bytes: Uint8Array): number {
    this.memory.bytes.set(bytes, this.packetSlot);
    return this.packetSlot;
  }

  /** Copies a handshake message to the datagrams on their way out. @returns its offset. */
  putMessage(bytes: Uint8Array): number {
    const offset = this.sealed.take(bytes.length);
    this.memory.bytes.set(bytes, offset);
    return offset;
  }

  /** Copies an inner packet of this memory there, with zeros behind it. @returns its offset. */
  padPacket(offset: number, sizeBytes: number, paddedBytes: number): number {
    const { bytes } = this.memory;
    const to = this.packetSlot;
    if (offset !== to) bytes.copyWithin(to, offset, offset + sizeBytes);
    for (let i = to + sizeBytes; i < to + paddedBytes; i++) bytes[i] = 0;
    return to;
  }
}
