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

/** Where things lie in the packets of a group, which they have in common. */
interface Shape {
  isV4: boolean;
  isTcp: boolean;
  /** Bytes of the IP header, and of it and the transport's. */
  network: number;
  headers: number;
}

/**
 * Packets of one flow that came one behind the other, as the one large packet that they may have been: the kernel's stack is passed
 * through once for all of them (GRO). As strict as the kernel is: what could not be told apart afterwards is not joined. Only
 * packets whose checksum is right are, for that of the whole is left to the kernel.
 */
export interface Coalescer {
  /** Whether packets of these are joined. */
  tcp: boolean;
  udp: boolean;
  write: WriteGroup;
  /** A packet, which stays where it is until {@link flush}: at a multiple of 4, or it is joined to none. */
  add(offset: number, sizeBytes: number): void;
  /** Writes what waits. */
  flush(): void;
}

/**
 * One for a packet memory. What it works on is known to its functions for good, and so to the code that V8 makes of them, which is
 * shorter than that of methods would be.
 */
export function createCoalescer(memory: PacketMemory, checksum: Checksum): Coalescer {
  const { bytes, u32, i32 } = memory;
  const vectors = memory.reserve(VECTORS_MAX * VECTOR_BYTES);
  const saved = memory.reserve(HEADERS_MAX_BYTES);
  const vnet = memory.reserve(64);
  const vectorsAddress = memory.address + vectors;
  const setVector = (index: number, offset: number, sizeBytes: number) => {
    const at = vectors + index * VECTOR_BYTES;
    memory.setPointer(at, offset);
    u32[(at + 8) >>> 2] = sizeBytes;
  };
  setVector(0, vnet, VNET_HEADER_BYTES);

  // The group: its packets, and what all of them have to be like.
  const offsets = new Int32Array(VECTORS_MAX);
  const sizes = new Int32Array(VECTORS_MAX);
  let count = 0;
  let total = 0;
  let isOpen = false;
  let hasPush = false;
  const shape: Shape = { isV4: true, isTcp: true, network: 0, headers: 0 };
  /** Of TCP: the sequence number of what would follow. */
  let following = 0;
  let pseudo = 0;
  /** Bits of the headers' words, as this machine reads them, in which all packets are the same. */
  const masks = new Int32Array(HEADERS_MAX_BYTES / 4);

  const coalescer: Coalescer = {
    tcp: true,
    udp: true,
    write: () => 'dropped',

    add(offset, sizeBytes) {
      if (isOpen && belongs(offset, sizeBytes)) return join(offset, sizeBytes);
      coalescer.flush();
      offsets[0] = offset;
      sizes[0] = sizeBytes;
      count = 1;
      total = sizeBytes;
      setVector(1, offset, sizeBytes);
      isOpen = begins(offset, sizeBytes);
    },

    flush() {
      const packets = count;
      if (packets === 0) return;
      count = 0;
      isOpen = false;
      bytes.fill(0, vnet, vnet + VNET_HEADER_BYTES);
      if (packets === 1) {
        coalescer.write(vectorsAddress, 2);
        return;
      }
      const first = offsets[0] ?? 0;
      const { headers, isTcp } = shape;
      bytes.copyWithin(saved, first, first + headers);
      writeHeaders(first);
      if (coalescer.write(vectorsAddress, packets + 1) !== 'refused') return;
      if (isTcp) coalescer.tcp = false;
      else coalescer.udp = false;
      bytes.copyWithin(first, saved, saved + headers);
      bytes.fill(0, vnet, vnet + VNET_HEADER_BYTES);
      for (let i = 0; i < packets; i++) {
        setVector(1, offsets[i] ?? 0, sizes[i] ?? 0);
        coalescer.write(vectorsAddress, 2);
      }
    },
  };

  /** Whether others may be joined to a packet, whose group this becomes. */
  const begins = (offset: number, sizeBytes: number): boolean => {
    const isV4 = bytes[offset] === 0x45;
    const isV6 = (bytes[offset] ?? 0) >> 4 === 6;
    if ((offset & 3) !== 0 || (!isV4 && !isV6)) return false;
    const network = isV4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    // No fragments; what has options or extension headers is neither of the two protocols here.
    if (sizeBytes < network || (isV4 && (uint16At(bytes, offset + 6) & 0xbfff) !== 0)) return false;
    const protocol = bytes[offset + (isV4 ? 9 : 6)];
    const isTcp = protocol === PROTOCOL_TCP;
    if (isTcp ? !coalescer.tcp : protocol !== PROTOCOL_UDP || !coalescer.udp) return false;
    const transport = offset + network;
    if (sizeBytes < network + (isTcp ? TCP_HEADER_BYTES : UDP_HEADER_BYTES)) return false;
    const headers = network + (isTcp ? ((bytes[transport + 12] ?? 0) >> 4) * 4 : UDP_HEADER_BYTES);
    if (sizeBytes <= headers || headers > HEADERS_MAX_BYTES) return false;
    if (isTcp) {
      // PSH is the last one's: nothing follows it.
      if (bytes[transport + 13] !== TCP_ACK || headers < network + TCP_HEADER_BYTES) return false;
      following = (int32At(bytes, transport + 4) + sizeBytes - headers) | 0;
    } else if (!isUdpWhole(transport, sizeBytes - network)) return false;
    shape.isV4 = isV4;
    shape.isTcp = isTcp;
    shape.network = network;
    shape.headers = headers;
    hasPush = false;
    setMasks();
    return true;
  };

  /** All but lengths, identification, checksums, sequence number and PSH. */
  const setMasks = () => {
    const { isV4, isTcp, network, headers } = shape;
    masks.fill(-1, 0, headers >>> 2);
    if (isV4) {
      masks[0] = 0x0000ffff;
      masks[1] = 0xffff0000 | 0;
      masks[2] = 0x0000ffff;
    } else masks[1] = 0xffff0000 | 0;
    const transport = network >>> 2;
    masks[transport + 1] = 0;
    if (!isTcp) return;
    masks[transport + 3] = ~(TCP_PSH << 8);
    masks[transport + 4] = 0xffff0000 | 0;
  };

  /** Whether a packet goes on where the group ends. */
  const belongs = (offset: number, sizeBytes: number): boolean => {
    const first = offsets[0] ?? 0;
    const { headers, isTcp, network } = shape;
    if (sizeBytes > (sizes[0] ?? 0) || sizeBytes <= headers || (offset & 3) !== 0) return false;
    if (count >= (isTcp ? TCP_SEGMENTS_MAX : UDP_SEGMENTS_MAX) || total + sizeBytes - headers > GROUP_BYTES_MAX)
      return false;
    for (let i = 0, one = offset >>> 2, other = first >>> 2; i < headers >>> 2; i++) {
      if ((((i32[one + i] ?? 0) ^ (i32[other + i] ?? 0)) & (masks[i] ?? 0)) !== 0) return false;
    }
    const transport = offset + network;
    if (isTcp ? int32At(bytes, transport + 4) !== following : !isUdpWhole(transport, sizeBytes - network)) return false;
    if (count === 1) {
      pseudo = pseudoOf(first);
      if (!isIntact(first, sizes[0] ?? 0)) return (isOpen = false);
    }
    return isIntact(offset, sizeBytes);
  };

  const join = (offset: number, sizeBytes: number): void => {
    const { headers, isTcp, network } = shape;
    const payload = sizeBytes - headers;
    offsets[count] = offset;
    sizes[count] = sizeBytes;
    count++;
    setVector(count, offset + headers, payload);
    total += payload;
    following = (following + payload) | 0;
    hasPush = isTcp && ((bytes[offset + network + 13] ?? 0) & TCP_PSH) !== 0;
    if (hasPush || sizeBytes < (sizes[0] ?? 0)) isOpen = false;
  };

  const isUdpWhole = (transport: number, sizeBytes: number): boolean =>
    uint16At(bytes, transport + UDP_CHECKSUM) !== 0 && uint16At(bytes, transport + 4) === sizeBytes;

  /** Whether the checksums are right. */
  const isIntact = (offset: number, sizeBytes: number): boolean => {
    const { isV4, network } = shape;
    if (isV4 && fold(checksum.ofHeader(offset)) !== 0xffff) return false;
    const transportBytes = sizeBytes - network;
    return fold(checksum.add(offset + network, transportBytes, pseudo + swapped(transportBytes))) === 0xffff;
  };

  /** Of the pseudo-header, without the length. */
  const pseudoOf = (offset: number): number => {
    const { isV4, isTcp } = shape;
    const protocol = swapped(isTcp ? PROTOCOL_TCP : PROTOCOL_UDP);
    return checksum.add(offset + (isV4 ? 12 : 8), isV4 ? 8 : 32, protocol);
  };

  /** The first packet's become those of the whole. */
  const writeHeaders = (packet: number): void => {
    const { isV4, isTcp, network, headers } = shape;
    const transport = packet + network;
    const field = isTcp ? TCP_CHECKSUM : UDP_CHECKSUM;
    bytes[vnet] = NEEDS_CHECKSUM;
    bytes[vnet + 1] = isTcp ? (isV4 ? GSO_TCPV4 : GSO_TCPV6) : GSO_UDP_L4;
    putWord(vnet + 2, headers);
    putWord(vnet + 4, (sizes[0] ?? 0) - headers);
    putWord(vnet + 6, network);
    putWord(vnet + 8, field);
    const transportBytes = total - network;
    if (isV4) {
      putWord(packet + 2, swapped(total));
      putWord(packet + 10, 0);
      putWord(packet + 10, ~fold(checksum.ofHeader(packet)));
    } else putWord(packet + 4, swapped(transportBytes));
    if (!isTcp) putWord(transport + 4, swapped(transportBytes));
    else if (hasPush) bytes[transport + 13] = (bytes[transport + 13] ?? 0) | TCP_PSH;
    putWord(transport + field, fold(pseudo + swapped(transportBytes)));
  };

  /** In this machine's byte order. */
  const putWord = (offset: number, value: number): void => {
    bytes[offset] = value;
    bytes[offset + 1] = value >>> 8;
  };

  return coalescer;
}

function uint16At(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

function int32At(bytes: Uint8Array, offset: number): number {
  return (uint16At(bytes, offset) << 16) | uint16At(bytes, offset + 2);
}
