import type { PacketMemory } from '../memory/packet-memory.js';
import { fold, swapped, type Checksum } from './checksum.js';
import {
  GSO_ECN,
  GSO_NONE,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  IPV4_HEADER_BYTES,
  IPV6_HEADER_BYTES,
  NEEDS_CHECKSUM,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  TCP_CHECKSUM,
  TCP_CWR,
  TCP_FIN_PSH,
  TCP_HEADER_BYTES,
  UDP_CHECKSUM,
  UDP_HEADER_BYTES,
  VNET_HEADER_BYTES,
} from './ip-headers.js';

/** Takes one packet after the other, each before the next is made. */
export type EmitPacket = (offset: number, sizeBytes: number) => void;

/**
 * What the kernel hands over at once, as packets that fit the interface: TCP and UDP segmentation (TSO, USO), and checksums that it
 * left to the hardware. In place: the header moves along, over what has been handed on.
 */
export interface Segmenter {
  /** What made no sense. */
  readonly malformed: number;
  /** @param at of a virtio_net_hdr, which the packet follows; `sizeBytes` of both. */
  split(at: number, sizeBytes: number, emit: EmitPacket): void;
}

/** One for a packet memory: in closures, for the reason that {@link createCoalescer} has. */
export function createSegmenter({ bytes, u32, view }: PacketMemory, checksum: Checksum): Segmenter {
  let malformed = 0;

  const split = (at: number, sizeBytes: number, emit: EmitPacket): void => {
    const packet = at + VNET_HEADER_BYTES;
    const length = sizeBytes - VNET_HEADER_BYTES;
    const kind = (bytes[at + 1] ?? 0) & ~GSO_ECN;
    if (kind === GSO_NONE) {
      const needsChecksum = ((bytes[at] ?? 0) & NEEDS_CHECKSUM) !== 0;
      if (length > 0 && (!needsChecksum || complete(at, packet, length))) emit(packet, length);
      else malformed++;
      return;
    }
    const segmentBytes = uint16LE(at + 4);
    const version = (bytes[packet] ?? 0) >> 4;
    const network = version === 4 ? ((bytes[packet] ?? 0) & 15) * 4 : IPV6_HEADER_BYTES;
    const protocol = bytes[packet + (version === 4 ? 9 : 6)];
    const isTcp = kind === GSO_TCPV4 || kind === GSO_TCPV6;
    const transport = isTcp ? ((bytes[packet + network + 12] ?? 0) >> 4) * 4 : UDP_HEADER_BYTES;
    const isSound =
      segmentBytes > 0 &&
      network >= (version === 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES) &&
      network + transport < length &&
      (isTcp
        ? protocol === PROTOCOL_TCP && version === (kind === GSO_TCPV4 ? 4 : 6) && transport >= TCP_HEADER_BYTES
        : kind === GSO_UDP_L4 && protocol === PROTOCOL_UDP && (version === 4 || version === 6));
    if (isSound) segment(packet, length, segmentBytes, version === 4, network, transport, isTcp, emit);
    else malformed++;
  };

  /** Writes the checksum that the kernel left out; the field has the sum of the pseudo-header already. */
  const complete = (at: number, packet: number, length: number): boolean => {
    const start = uint16LE(at + 6);
    const field = start + uint16LE(at + 8);
    if (field + 2 > length) return false;
    putChecksum(packet + field, checksum.add(packet + start, length - start, 0), field - start === UDP_CHECKSUM);
    return true;
  };

  const segment = (
    first: number,
    length: number,
    segmentBytes: number,
    isV4: boolean,
    network: number,
    transport: number,
    isTcp: boolean,
    emit: EmitPacket,
  ): void => {
    const headers = network + transport;
    const payload = length - headers;
    const flags = isTcp ? (bytes[first + network + 13] ?? 0) : 0;
    const checksumAt = network + (isTcp ? TCP_CHECKSUM : UDP_CHECKSUM);
    let sequence = isTcp ? view.getInt32(first + network + 4) : 0;
    let identification = isV4 ? view.getUint16(first + 4) : 0;
    const protocol = swapped(isTcp ? PROTOCOL_TCP : PROTOCOL_UDP);
    const pseudo = checksum.add(first + (isV4 ? 12 : 8), isV4 ? 8 : 32, protocol);
    const headerSum = isV4 ? sumOfHeader(first, network) : 0;
    // A call for each header would cost more than its copy.
    const isByWords = ((first | segmentBytes) & 3) === 0 && segmentBytes >= headers;
    for (let done = 0, packet = first; done < payload; done += segmentBytes) {
      const size = Math.min(segmentBytes, payload - done);
      if (done > 0) {
        if (isByWords) {
          const by = segmentBytes >>> 2;
          for (let at = packet >>> 2, end = (packet + headers) >>> 2; at < end; at++) u32[at + by] = u32[at] ?? 0;
        } else bytes.copyWithin(packet + segmentBytes, packet, packet + headers);
        packet += segmentBytes;
      }
      const total = headers + size;
      const at = packet + network;
      if (isV4) {
        put16(packet + 2, total);
        put16(packet + 4, identification);
        putChecksum(packet + 10, headerSum + swapped(total) + swapped(identification), false);
        identification = (identification + 1) & 0xffff;
      } else put16(packet + 4, total - IPV6_HEADER_BYTES);
      if (isTcp) {
        put16(at + 4, sequence >>> 16);
        put16(at + 6, sequence);
        sequence = (sequence + size) | 0;
        let own = flags;
        if (done + size < payload) own &= ~TCP_FIN_PSH;
        if (done > 0) own &= ~TCP_CWR;
        bytes[at + 13] = own;
      } else put16(at + 4, transport + size);
      put16(packet + checksumAt, 0);
      const sum = checksum.add(at, transport + size, pseudo + swapped(transport + size));
      putChecksum(packet + checksumAt, sum, !isTcp);
      emit(packet, total);
    }
  };

  /** Without the fields that are each packet's own: length, identification, checksum. */
  const sumOfHeader = (packet: number, sizeBytes: number): number => {
    put16(packet + 2, 0);
    put16(packet + 4, 0);
    put16(packet + 10, 0);
    return checksum.add(packet, sizeBytes, 0);
  };

  /** @param sum of what it covers, in this machine's byte order. @param isUdp of it, 0 means that there is none. */
  const putChecksum = (offset: number, sum: number, isUdp: boolean): void => {
    const folded = ~fold(sum) & 0xffff;
    const value = isUdp && folded === 0 ? 0xffff : folded;
    bytes[offset] = value;
    bytes[offset + 1] = value >>> 8;
  };

  // Byte by byte, which is less than a DataView does.

  const put16 = (offset: number, value: number): void => {
    bytes[offset] = value >>> 8;
    bytes[offset + 1] = value;
  };

  const uint16LE = (offset: number): number => (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);

  return {
    get malformed() {
      return malformed;
    },
    split,
  };
}
