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

/**
 * What the kernel hands over at once, as packets that fit the interface: TCP and UDP segmentation (TSO, USO), and checksums that it
 * left to the hardware. In place: the header moves along, over what has been handed on.
 */
export class Segmenter {
  /** What made no sense. */
  malformed = 0;
  readonly #memory: PacketMemory;
  readonly #checksum: Checksum;

  constructor(memory: PacketMemory, checksum: Checksum) {
    this.#memory = memory;
    this.#checksum = checksum;
  }

  /**
   * @param at of a virtio_net_hdr, which the packet follows; `sizeBytes` of both. @param emit takes one packet after the other,
   * each before the next is made.
   */
  split(at: number, sizeBytes: number, emit: (offset: number, sizeBytes: number) => void): void {
    const { bytes, view } = this.#memory;
    const packet = at + VNET_HEADER_BYTES;
    const length = sizeBytes - VNET_HEADER_BYTES;
    const kind = (bytes[at + 1] ?? 0) & ~GSO_ECN;
    if (kind === GSO_NONE) {
      const needsChecksum = ((bytes[at] ?? 0) & NEEDS_CHECKSUM) !== 0;
      if (length > 0 && (!needsChecksum || this.#complete(at, packet, length))) emit(packet, length);
      else this.malformed++;
      return;
    }
    const segmentBytes = view.getUint16(at + 4, true);
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
    if (isSound) this.#segment(packet, length, { segmentBytes, version, network, transport, isTcp }, emit);
    else this.malformed++;
  }

  /** Writes the checksum that the kernel left out; the field has the sum of the pseudo-header already. */
  #complete(at: number, packet: number, length: number): boolean {
    const { view } = this.#memory;
    const start = view.getUint16(at + 6, true);
    const field = start + view.getUint16(at + 8, true);
    if (field + 2 > length) return false;
    const sum = ~fold(this.#checksum.add(packet + start, length - start, 0)) & 0xffff;
    // Of UDP, 0 means that there is none.
    const isUdp = field - start === UDP_CHECKSUM;
    view.setUint16(packet + field, isUdp && sum === 0 ? 0xffff : sum, true);
    return true;
  }

  #segment(
    first: number,
    length: number,
    shape: { segmentBytes: number; version: number; network: number; transport: number; isTcp: boolean },
    emit: (offset: number, sizeBytes: number) => void,
  ): void {
    const { bytes, view } = this.#memory;
    const { segmentBytes, version, network, transport, isTcp } = shape;
    const isV4 = version === 4;
    const headers = network + transport;
    const payload = length - headers;
    const flags = isTcp ? (bytes[first + network + 13] ?? 0) : 0;
    const checksumAt = network + (isTcp ? TCP_CHECKSUM : UDP_CHECKSUM);
    let sequence = isTcp ? view.getUint32(first + network + 4) : 0;
    let identification = isV4 ? view.getUint16(first + 4) : 0;
    const pseudo = this.#checksum.add(
      first + (isV4 ? 12 : 8),
      isV4 ? 8 : 32,
      swapped(isTcp ? PROTOCOL_TCP : PROTOCOL_UDP),
    );
    for (let done = 0, packet = first; done < payload; done += segmentBytes) {
      const size = Math.min(segmentBytes, payload - done);
      const isLast = done + size >= payload;
      if (done > 0) {
        bytes.copyWithin(packet + segmentBytes, packet, packet + headers);
        packet += segmentBytes;
      }
      const total = headers + size;
      if (isV4) {
        view.setUint16(packet + 2, total);
        view.setUint16(packet + 4, identification);
        identification = (identification + 1) & 0xffff;
        view.setUint16(packet + 10, 0);
        view.setUint16(packet + 10, ~fold(this.#checksum.add(packet, network, 0)) & 0xffff, true);
      } else view.setUint16(packet + 4, total - IPV6_HEADER_BYTES);
      if (isTcp) {
        view.setUint32(packet + network + 4, sequence);
        sequence = (sequence + size) >>> 0;
        let own = flags;
        if (!isLast) own &= ~TCP_FIN_PSH;
        if (done > 0) own &= ~TCP_CWR;
        bytes[packet + network + 13] = own;
      } else view.setUint16(packet + network + 4, transport + size);
      view.setUint16(packet + checksumAt, 0);
      const sum = this.#checksum.add(packet + network, transport + size, pseudo + swapped(transport + size));
      const checksum = ~fold(sum) & 0xffff;
      view.setUint16(packet + checksumAt, !isTcp && checksum === 0 ? 0xffff : checksum, true);
      emit(packet, total);
    }
  }
}
