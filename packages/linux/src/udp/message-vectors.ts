import type { PacketMemory } from '../memory/packet-memory.js';
import type { SocketAddress } from './socket-address.js';

/** Of a receiving slot: the largest datagram, or as many as GRO joins. */
const SLOT_BYTES = 65_536;
const MARGIN_BYTES = 64;
export const RECEIVE_SLOTS = 16;
/** Datagrams, and messages that they are grouped to, in one call. More would win little, and the other end could begin later. */
export const SEND_DATAGRAMS = 64;

/** struct mmsghdr of 64-bit Linux: a msghdr, and the length that was received. */
const HEADER_BYTES = 64;
const NAME = 0;
const NAME_BYTES = 8;
const VECTOR = 16;
const VECTOR_COUNT = 24;
const CONTROL = 32;
const CONTROL_BYTES = 40;
const FLAGS = 48;
const RECEIVED = 56;
const NAME_SLOT_BYTES = 32;
const VECTOR_BYTES = 16;
/** struct cmsghdr and its data, aligned. */
const CONTROL_SLOT_BYTES = 64;
const CMSG_BYTES = 24;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;
const MSG_TRUNC = 0x20;

const PER_RECEIVE = HEADER_BYTES + NAME_SLOT_BYTES + VECTOR_BYTES + CONTROL_SLOT_BYTES + SLOT_BYTES + 2 * MARGIN_BYTES;
const PER_SEND = HEADER_BYTES + NAME_SLOT_BYTES + VECTOR_BYTES + CONTROL_SLOT_BYTES;
/** Of packet memory, with what alignment takes. */
export const UDP_BATCHES_BYTES = RECEIVE_SLOTS * PER_RECEIVE + SEND_DATAGRAMS * PER_SEND + 16 * 64;

/** What recvmmsg(2) is told to write to: each slot takes a datagram, or several of one source that the kernel has joined (GRO). */
export class ReceiveVectors {
  /** Address of the first header. */
  readonly headers: number;
  readonly #memory: PacketMemory;
  readonly #headerAt: number;
  readonly #nameAt: number;
  readonly #controlAt: number;
  readonly #slotAt: number;

  constructor(memory: PacketMemory) {
    this.#memory = memory;
    this.#headerAt = memory.reserve(RECEIVE_SLOTS * HEADER_BYTES);
    this.#nameAt = memory.reserve(RECEIVE_SLOTS * NAME_SLOT_BYTES);
    this.#controlAt = memory.reserve(RECEIVE_SLOTS * CONTROL_SLOT_BYTES);
    const vectorAt = memory.reserve(RECEIVE_SLOTS * VECTOR_BYTES);
    this.#slotAt = memory.reserve(RECEIVE_SLOTS * (SLOT_BYTES + 2 * MARGIN_BYTES)) + MARGIN_BYTES;
    this.headers = memory.address + this.#headerAt;
    for (let slot = 0; slot < RECEIVE_SLOTS; slot++) {
      const header = this.#headerAt + slot * HEADER_BYTES;
      const vector = vectorAt + slot * VECTOR_BYTES;
      memory.setPointer(header + NAME, this.#nameAt + slot * NAME_SLOT_BYTES);
      memory.setPointer(header + VECTOR, vector);
      memory.u32[(header + VECTOR_COUNT) >>> 2] = 1;
      memory.setPointer(header + CONTROL, this.#controlAt + slot * CONTROL_SLOT_BYTES);
      memory.setPointer(vector, this.offset(slot));
      memory.u32[(vector + 8) >>> 2] = SLOT_BYTES;
      this.#reset(slot);
    }
  }

  /** Of what was received. */
  offset(slot: number): number {
    return this.#slotAt + slot * (SLOT_BYTES + 2 * MARGIN_BYTES);
  }

  sizeBytes(slot: number): number {
    return this.#memory.u32[(this.#headerAt + slot * HEADER_BYTES + RECEIVED) >>> 2] ?? 0;
  }

  /** recvmsg(2), which knows nothing of this field, returns it. */
  setSizeBytes(slot: number, sizeBytes: number): void {
    this.#memory.u32[(this.#headerAt + slot * HEADER_BYTES + RECEIVED) >>> 2] = sizeBytes;
  }

  /** Address of a slot's header. */
  header(slot: number): number {
    return this.headers + slot * HEADER_BYTES;
  }

  /** Index of the first word of the source's address. */
  nameWord(slot: number): number {
    return (this.#nameAt + slot * NAME_SLOT_BYTES) >>> 2;
  }

  /** It was larger than any may be. */
  isTruncated(slot: number): boolean {
    return ((this.#memory.u32[(this.#headerAt + slot * HEADER_BYTES + FLAGS) >>> 2] ?? 0) & MSG_TRUNC) !== 0;
  }

  /** Bytes of each datagram but the last, where several were joined; otherwise 0. */
  segmentBytes(slot: number): number {
    const { u32 } = this.#memory;
    const header = this.#headerAt + slot * HEADER_BYTES;
    const control = (this.#controlAt + slot * CONTROL_SLOT_BYTES) >>> 2;
    const isGro =
      (u32[(header + CONTROL_BYTES) >>> 2] ?? 0) >= 20 && u32[control + 2] === SOL_UDP && u32[control + 3] === UDP_GRO;
    return isGro ? (u32[control + 4] ?? 0) : 0;
  }

  /** The first `count` are to be received to anew. */
  resetAll(count: number): void {
    for (let slot = 0; slot < count; slot++) this.#reset(slot);
  }

  #reset(slot: number): void {
    const { u32 } = this.#memory;
    const header = (this.#headerAt + slot * HEADER_BYTES) >>> 2;
    u32[header + NAME_BYTES / 4] = NAME_SLOT_BYTES;
    u32[header + CONTROL_BYTES / 4] = CONTROL_SLOT_BYTES;
    u32[header + FLAGS / 4] = 0;
  }
}

/** What sendmmsg(2) is told to send: messages, each of one datagram, or of several of one size that the kernel splits (GSO). */
export class SendVectors {
  readonly #memory: PacketMemory;
  readonly #headerAt: number;
  readonly #nameAt: number;
  readonly #controlAt: number;
  readonly #vectorAt: number;
  #vectors = 0;
  /** So far. */
  messages = 0;

  constructor(memory: PacketMemory) {
    this.#memory = memory;
    this.#headerAt = memory.reserve(SEND_DATAGRAMS * HEADER_BYTES);
    this.#nameAt = memory.reserve(SEND_DATAGRAMS * NAME_SLOT_BYTES);
    this.#controlAt = memory.reserve(SEND_DATAGRAMS * CONTROL_SLOT_BYTES);
    this.#vectorAt = memory.reserve(SEND_DATAGRAMS * VECTOR_BYTES);
    for (let message = 0; message < SEND_DATAGRAMS; message++) {
      const header = this.#headerAt + message * HEADER_BYTES;
      const control = this.#controlAt + message * CONTROL_SLOT_BYTES;
      memory.setPointer(header + NAME, this.#nameAt + message * NAME_SLOT_BYTES);
      memory.setPointer(header + CONTROL, control);
      memory.u32[control >>> 2] = 18;
      memory.u32[(control + 8) >>> 2] = SOL_UDP;
      memory.u32[(control + 12) >>> 2] = UDP_SEGMENT;
    }
  }

  clear(): void {
    this.#vectors = 0;
    this.messages = 0;
  }

  /** Address of the header of a message. */
  header(message: number): number {
    return this.#memory.address + this.#headerAt + message * HEADER_BYTES;
  }

  /** Address of the first message's destination. */
  get name(): number {
    return this.#memory.address + this.#nameAt;
  }

  /** Writes the first message's destination alone. */
  setName({ words }: SocketAddress, message = 0): void {
    const { u32 } = this.#memory;
    const name = (this.#nameAt + message * NAME_SLOT_BYTES) >>> 2;
    for (let i = 0; i < words.length; i++) u32[name + i] = words[i] ?? 0;
  }

  /** A message of one datagram; more may be {@link join}ed to it. */
  add(offset: number, sizeBytes: number, to: SocketAddress): void {
    const { u32 } = this.#memory;
    const message = this.messages++;
    const header = this.#headerAt + message * HEADER_BYTES;
    this.setName(to, message);
    u32[(header + NAME_BYTES) >>> 2] = to.words.length * 4;
    this.#memory.setPointer(header + VECTOR, this.#vectorAt + this.#vectors * VECTOR_BYTES);
    u32[(header + VECTOR_COUNT) >>> 2] = 1;
    u32[(header + CONTROL_BYTES) >>> 2] = 0;
    this.#addVector(offset, sizeBytes);
  }

  /** One more datagram for the last message. @param segmentBytes of all but the last. */
  join(offset: number, sizeBytes: number, segmentBytes: number): void {
    const { u32, u16 } = this.#memory;
    const message = this.messages - 1;
    const header = this.#headerAt + message * HEADER_BYTES;
    const at = (header + VECTOR_COUNT) >>> 2;
    u32[at] = (u32[at] ?? 0) + 1;
    u32[(header + CONTROL_BYTES) >>> 2] = CMSG_BYTES;
    u16[(this.#controlAt + message * CONTROL_SLOT_BYTES + 16) >>> 1] = segmentBytes;
    this.#addVector(offset, sizeBytes);
  }

  /** Datagrams of a message. */
  count(message: number): number {
    return this.#memory.u32[(this.#headerAt + message * HEADER_BYTES + VECTOR_COUNT) >>> 2] ?? 0;
  }

  #addVector(offset: number, sizeBytes: number): void {
    const vector = this.#vectorAt + this.#vectors++ * VECTOR_BYTES;
    this.#memory.setPointer(vector, offset);
    this.#memory.u32[(vector + 8) >>> 2] = sizeBytes;
  }
}
