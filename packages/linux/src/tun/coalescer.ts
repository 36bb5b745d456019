import type { PacketMemory } from '../memory/packet-memory.js';
import { fold, swapped, type Checksum } from './checksum.js';
import {
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  IPV4_HEADER_BYTES,
  IPV6_HEADER_BYTES,
  NEEDS_CHECKSUM,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  TCP_ACK,
  TCP_CHECKSUM,
  TCP_HEADER_BYTES,
  TCP_PSH,
  UDP_CHECKSUM,
  UDP_HEADER_BYTES,
  VNET_HEADER_BYTES,
} from './ip-headers.js';

const GROUP_BYTES_MAX = 65_535;
/** What the kernel splits again. */
const UDP_SEGMENTS_MAX = 64;
export const TCP_SEGMENTS_MAX = 256;
const HEADERS_MAX_BYTES = 128;
/** Offsets and sizes of what one writev(2) is made of: the virtio_net_hdr, the first packet, and the payloads of the others. */
export const VECTORS_MAX = TCP_SEGMENTS_MAX + 2;
const VECTOR_BYTES = 16;
/** Of packet memory, with what alignment takes. */
export const COALESCER_BYTES = VECTORS_MAX * VECTOR_BYTES + HEADERS_MAX_BYTES + 64 + 3 * 64;

/** Writes a group. @returns whether the system took it; a group that it refuses for what it is, is written packet by packet. */
export type WriteGroup = (vectors: number, count: number) => 'taken' | 'dropped' | 'refused';

/** What a packet is to coalescing. */
interface Shape {
  protocol: number;
  isV4: boolean;
  network: number;
  headers: number;
  payload: number;
  sequence: number;
  hasPush: boolean;
}

/**
 * Packets of one flow that came one behind the other, as the one large packet that they may have been: the kernel's stack is passed
 * through once for all of them (GRO). As strict as the kernel is: what could not be told apart afterwards is not joined. Only
 * packets whose checksum is right are, for that of the whole is left to the kernel.
 */
export class Coalescer {
  /** Whether packets of these are joined. */
  tcp = true;
  udp = true;
  write: WriteGroup = () => 'dropped';
  readonly #memory: PacketMemory;
  readonly #checksum: Checksum;
  readonly #vectors: number;
  readonly #vnet: number;
  readonly #saved: number;
  /** Of the group: what its packets are, and where each lies. */
  readonly #group: Shape = { protocol: 0, isV4: true, network: 0, headers: 0, payload: 0, sequence: 0, hasPush: false };
  readonly #offsets: number[] = [];
  readonly #sizes: number[] = [];
  #count = 0;
  #total = 0;
  #pseudo = 0;
  #isOpen = false;
  readonly #next: Shape = { ...this.#group };

  constructor(memory: PacketMemory, checksum: Checksum) {
    this.#memory = memory;
    this.#checksum = checksum;
    this.#vectors = memory.reserve(VECTORS_MAX * VECTOR_BYTES);
    this.#saved = memory.reserve(HEADERS_MAX_BYTES);
    this.#vnet = memory.reserve(64);
    this.#setVector(0, this.#vnet, VNET_HEADER_BYTES);
  }

  /** A packet, which stays where it is until {@link flush}. */
  add(offset: number, sizeBytes: number): void {
    const isJoinable = this.#look(offset, sizeBytes);
    if (isJoinable && this.#count > 0 && this.#belongs(offset)) return this.#join(offset, sizeBytes);
    this.flush();
    this.#offsets[0] = offset;
    this.#sizes[0] = sizeBytes;
    this.#count = 1;
    this.#setVector(1, offset, sizeBytes);
    this.#isOpen = isJoinable && !this.#next.hasPush;
    if (!isJoinable) return;
    Object.assign(this.#group, this.#next);
    this.#total = sizeBytes;
  }

  /** Writes what waits. */
  flush(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    const { bytes, u32, view } = this.#memory;
    const vnet = this.#vnet;
    u32[vnet >>> 2] = 0;
    u32[(vnet >>> 2) + 1] = 0;
    view.setUint16(vnet + 8, 0);
    if (count === 1) {
      this.write(this.#memory.address + this.#vectors, 2);
      return;
    }
    const { headers } = this.#group;
    const first = this.#offsets[0] ?? 0;
    bytes.copyWithin(this.#saved, first, first + headers);
    this.#writeHeaders(first);
    if (this.write(this.#memory.address + this.#vectors, count + 1) !== 'refused') return;
    if (this.#group.protocol === PROTOCOL_TCP) this.tcp = false;
    else this.udp = false;
    bytes.copyWithin(first, this.#saved, this.#saved + headers);
    bytes.fill(0, vnet, vnet + VNET_HEADER_BYTES);
    for (let i = 0; i < count; i++) {
      this.#setVector(1, this.#offsets[i] ?? 0, this.#sizes[i] ?? 0);
      this.write(this.#memory.address + this.#vectors, 2);
    }
  }

  /** Reads the packet to `#next`. @returns whether others may be joined to it, or it to others. */
  #look(offset: number, sizeBytes: number): boolean {
    const { bytes, view } = this.#memory;
    const next = this.#next;
    const first = bytes[offset] ?? 0;
    const isV4 = first >> 4 === 4;
    next.isV4 = isV4;
    // No options, no fragments, no extension headers.
    if (isV4) {
      if (first !== 0x45 || sizeBytes < IPV4_HEADER_BYTES || (view.getUint16(offset + 6) & 0xbfff) !== 0) return false;
      next.protocol = bytes[offset + 9] ?? 0;
      next.network = IPV4_HEADER_BYTES;
    } else {
      if (first >> 4 !== 6 || sizeBytes < IPV6_HEADER_BYTES) return false;
      next.protocol = bytes[offset + 6] ?? 0;
      next.network = IPV6_HEADER_BYTES;
    }
    const transport = offset + next.network;
    if (next.protocol === PROTOCOL_TCP) {
      if (!this.tcp || sizeBytes < next.network + TCP_HEADER_BYTES) return false;
      const flags = bytes[transport + 13] ?? 0;
      next.headers = next.network + ((bytes[transport + 12] ?? 0) >> 4) * 4;
      next.hasPush = (flags & TCP_PSH) !== 0;
      next.sequence = view.getUint32(transport + 4);
      if ((flags & ~TCP_PSH) !== TCP_ACK || next.headers < next.network + TCP_HEADER_BYTES) return false;
    } else if (next.protocol === PROTOCOL_UDP) {
      if (!this.udp || sizeBytes < next.network + UDP_HEADER_BYTES) return false;
      next.headers = next.network + UDP_HEADER_BYTES;
      next.hasPush = false;
      next.sequence = 0;
      if (view.getUint16(transport + UDP_CHECKSUM) === 0) return false;
      if (view.getUint16(transport + 4) !== sizeBytes - next.network) return false;
    } else return false;
    next.payload = sizeBytes - next.headers;
    return next.payload > 0 && next.headers <= HEADERS_MAX_BYTES;
  }

  /** Whether `#next`, at `offset`, goes on where the group ends. */
  #belongs(offset: number): boolean {
    const group = this.#group;
    const next = this.#next;
    const isTcp = next.protocol === PROTOCOL_TCP;
    if (!this.#isOpen || next.protocol !== group.protocol || next.isV4 !== group.isV4) return false;
    if (next.headers !== group.headers || next.payload > group.payload) return false;
    if (this.#count >= (isTcp ? TCP_SEGMENTS_MAX : UDP_SEGMENTS_MAX) || this.#total + next.payload > GROUP_BYTES_MAX)
      return false;
    if (isTcp && next.sequence !== (group.sequence + this.#total - group.headers) >>> 0) return false;
    if (!this.#hasSameHeaders(offset, this.#offsets[0] ?? 0)) return false;
    if (this.#count === 1) {
      const first = this.#offsets[0] ?? 0;
      this.#pseudo = this.#pseudoOf(first, group);
      if (!this.#isIntact(first, this.#sizes[0] ?? 0)) return (this.#isOpen = false);
    }
    return this.#isIntact(offset, next.headers + next.payload);
  }

  #join(offset: number, sizeBytes: number): void {
    const { headers, payload, hasPush } = this.#next;
    this.#offsets[this.#count] = offset;
    this.#sizes[this.#count] = sizeBytes;
    this.#count++;
    this.#setVector(this.#count, offset + headers, payload);
    this.#total += payload;
    if (hasPush) {
      this.#group.hasPush = true;
      this.#isOpen = false;
    } else if (payload < this.#group.payload) this.#isOpen = false;
  }

  /** All but lengths, identification, checksums, sequence number and PSH. */
  #hasSameHeaders(a: number, b: number): boolean {
    const { bytes } = this.#memory;
    const { isV4, network, headers, protocol } = this.#next;
    const transport = network;
    if (isV4) {
      if (bytes[a + 1] !== bytes[b + 1] || bytes[a + 6] !== bytes[b + 6] || bytes[a + 8] !== bytes[b + 8]) return false;
      for (let i = 12; i < 20; i++) if (bytes[a + i] !== bytes[b + i]) return false;
    } else {
      for (let i = 0; i < 4; i++) if (bytes[a + i] !== bytes[b + i]) return false;
      for (let i = 7; i < 40; i++) if (bytes[a + i] !== bytes[b + i]) return false;
    }
    for (let i = transport; i < transport + 4; i++) if (bytes[a + i] !== bytes[b + i]) return false;
    if (protocol === PROTOCOL_UDP) return true;
    // Acknowledgement and offset; window; urgent pointer and options.
    for (let i = transport + 8; i < transport + 13; i++) if (bytes[a + i] !== bytes[b + i]) return false;
    for (let i = transport + 14; i < transport + 16; i++) if (bytes[a + i] !== bytes[b + i]) return false;
    for (let i = transport + 18; i < headers; i++) if (bytes[a + i] !== bytes[b + i]) return false;
    return true;
  }

  /** Whether the checksums are right. */
  #isIntact(offset: number, sizeBytes: number): boolean {
    const { isV4, network } = this.#next;
    if (isV4 && fold(this.#checksum.add(offset, network, 0)) !== 0xffff) return false;
    const transportBytes = sizeBytes - network;
    const pseudo = this.#pseudo + swapped(transportBytes);
    return fold(this.#checksum.add(offset + network, transportBytes, pseudo)) === 0xffff;
  }

  /** Of the pseudo-header, without the length. */
  #pseudoOf(offset: number, { isV4, protocol }: Shape): number {
    return this.#checksum.add(offset + (isV4 ? 12 : 8), isV4 ? 8 : 32, swapped(protocol));
  }

  /** The first packet's become those of the whole. */
  #writeHeaders(packet: number): void {
    const { bytes, view } = this.#memory;
    const { isV4, network, headers, payload, protocol, hasPush } = this.#group;
    const isTcp = protocol === PROTOCOL_TCP;
    const field = isTcp ? TCP_CHECKSUM : UDP_CHECKSUM;
    const vnet = this.#vnet;
    bytes[vnet] = NEEDS_CHECKSUM;
    bytes[vnet + 1] = isTcp ? (isV4 ? GSO_TCPV4 : GSO_TCPV6) : GSO_UDP_L4;
    view.setUint16(vnet + 2, headers, true);
    view.setUint16(vnet + 4, payload, true);
    view.setUint16(vnet + 6, network, true);
    view.setUint16(vnet + 8, field, true);
    const transportBytes = this.#total - network;
    if (isV4) {
      view.setUint16(packet + 2, this.#total);
      view.setUint16(packet + 10, 0);
      view.setUint16(packet + 10, ~fold(this.#checksum.add(packet, network, 0)) & 0xffff, true);
    } else view.setUint16(packet + 4, transportBytes);
    if (!isTcp) view.setUint16(packet + network + 4, transportBytes);
    else if (hasPush) bytes[packet + network + 13] = (bytes[packet + network + 13] ?? 0) | TCP_PSH;
    view.setUint16(packet + network + field, fold(this.#pseudo + swapped(transportBytes)), true);
  }

  #setVector(index: number, offset: number, sizeBytes: number): void {
    const at = this.#vectors + index * VECTOR_BYTES;
    this.#memory.setPointer(at, offset);
    this.#memory.u32[(at + 8) >>> 2] = sizeBytes;
  }
}
