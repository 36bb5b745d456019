import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketMemory } from '../../src/memory/packet-memory.js';
import { Checksum, fold } from '../../src/tun/checksum.js';
import { createCoalescer } from '../../src/tun/coalescer.js';
import { createSegmenter } from '../../src/tun/segmenter.js';

const memory = new PacketMemory(1 << 20);
const room = memory.reserve(512 << 10) + 64;
const withSimd = new Checksum(memory);
const withoutSimd = new Checksum(memory, { simd: false });
const coalescer = createCoalescer(memory, withSimd);

/** RFC 1071, byte by byte. */
function naive(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

interface Flow {
  readonly isV4: boolean;
  readonly isTcp: boolean;
  readonly options: number;
}

/** A packet with right checksums. */
function packetOf({ isV4, isTcp, options }: Flow, payload: Uint8Array, sequence: number, flags = 0x10, id = 7): Buffer {
  const network = isV4 ? 20 : 40;
  const transport = isTcp ? 20 + options : 8;
  const packet = Buffer.alloc(network + transport + payload.length);
  const length = transport + payload.length;
  const protocol = isTcp ? 6 : 17;
  if (isV4) {
    packet.set([
      0x45,
      2,
      packet.length >> 8,
      packet.length,
      id >> 8,
      id,
      0x40,
      0,
      64,
      protocol,
      0,
      0,
      10,
      0,
      0,
      1,
      10,
      0,
      0,
      2,
    ]);
    packet.writeUInt16BE(~naive(packet.subarray(0, 20)) & 0xffff, 10);
  } else {
    packet.set([0x60, 0, 0, 7, length >> 8, length, protocol, 64]);
    packet[23] = 1;
    packet[39] = 2;
  }
  packet.set([0x12, 0x34, 0x56, 0x78], network);
  if (isTcp) {
    packet.writeUInt32BE(sequence, network + 4);
    packet.writeUInt32BE(99, network + 8);
    packet.set([(transport / 4) << 4, flags, 0x10, 0], network + 12);
    packet.fill(1, network + 20, network + transport);
  } else packet.writeUInt16BE(length, network + 4);
  packet.set(payload, network + transport);
  const pseudo = Buffer.concat([
    packet.subarray(isV4 ? 12 : 8, network),
    Buffer.from([0, protocol, length >> 8, length & 255]),
  ]);
  const sum = ~naive(packet.subarray(network), naive(pseudo)) & 0xffff;
  packet.writeUInt16BE(!isTcp && sum === 0 ? 0xffff : sum, network + (isTcp ? 16 : 6));
  return packet;
}

/** Joins what it is given as the kernel gets it: each with its virtio_net_hdr. */
function coalesced(packets: readonly Uint8Array[], refuse = false): Buffer[] {
  const written: Buffer[] = [];
  coalescer.tcp = coalescer.udp = true;
  coalescer.write = (vectors, count) => {
    const at = vectors - memory.address;
    const parts = Array.from({ length: count }, (_, i) => {
      const vector = at + 16 * i;
      const offset =
        memory.view.getUint32(vector, true) + 2 ** 32 * memory.view.getUint32(vector + 4, true) - memory.address;
      return memory.bytes.slice(offset, offset + memory.view.getUint32(vector + 8, true));
    });
    if (refuse && count > 2) return 'refused';
    written.push(Buffer.concat(parts));
    return 'taken';
  };
  let at = room;
  for (const packet of packets) {
    memory.bytes.set(packet, at);
    coalescer.add(at, packet.length);
    at = (at + packet.length + 63) & ~63;
  }
  coalescer.flush();
  return written;
}

function segmented(superPacket: Uint8Array): Buffer[] {
  const segmenter = createSegmenter(memory, withSimd);
  memory.bytes.set(superPacket, room + 6);
  const packets: Buffer[] = [];
  segmenter.split(room + 6, superPacket.length, (offset, size) => {
    packets.push(Buffer.from(memory.bytes.slice(offset, offset + size)));
    // As a receiver may.
    memory.bytes.fill(0xee, offset - 64, offset);
  });
  return packets;
}

const flows = fc.record({ isV4: fc.boolean(), isTcp: fc.boolean(), options: fc.constantFrom(0, 4, 12, 40) });

describe('the internet checksum', () => {
  it('is summed up in blocks here', () => {
    expect(withSimd.hasSimd).toBe(true);
    expect(withoutSimd.hasSimd).toBe(false);
  });

  it.each([
    ['in blocks', withSimd],
    ['word by word', withoutSimd],
  ])('is right at every length and alignment, %s', (_, checksum) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4000 }), fc.nat(17), (bytes, shift) => {
        memory.bytes.set(bytes, room + shift);
        const sum = fold(checksum.add(room + shift, bytes.length, 0));
        expect(((sum & 255) << 8) | (sum >> 8)).toBe(naive(bytes));
      }),
    );
    memory.bytes.fill(255, room, room + 65_535);
    expect(fold(checksum.add(room, 65_535, 0))).toBe(fold(0xffff * 32_767 + 0xff));
  });
});

describe('packets of one flow', () => {
  it('are joined, and what is joined comes apart as it was', () => {
    fc.assert(
      fc.property(
        flows,
        fc.integer({ min: 1, max: 1400 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        (flow, size, count, at) => {
          const last = fc.sample(fc.integer({ min: 1, max: size }), { numRuns: 1, seed: at })[0]!;
          const sent = Array.from({ length: count }, (_, i) => {
            const payload = Buffer.alloc(i === count - 1 ? last : size, i + 1);
            return packetOf(flow, payload, (at + i * size) >>> 0, i === count - 1 ? 0x18 : 0x10, (7 + i) & 0xffff);
          });
          const written = coalesced(sent);
          expect(written).toHaveLength(1);
          expect(segmented(written[0]!)).toEqual(sent);
        },
      ),
    );
  });

  it('are not joined where their class of service or congestion marks differ', () => {
    fc.assert(
      fc.property(flows, fc.integer({ min: 1, max: 255 }), (flow, bits) => {
        const packets = [0, 1, 2].map((i) => packetOf(flow, new Uint8Array(100).fill(i), i * 100));
        const marked = packets[1]!;
        if (flow.isV4) {
          marked[1] = marked[1]! ^ bits;
          marked.writeUInt16BE(0, 10);
          marked.writeUInt16BE(~naive(marked.subarray(0, 20)) & 0xffff, 10);
        } else marked.writeUInt16BE(marked.readUInt16BE(0) ^ (bits << 4), 0);
        const written = coalesced(packets).map((one) => one.subarray(10));
        expect(written.map((one) => one.equals(marked))).toContain(true);
        expect(written).toHaveLength(3);
      }),
    );
  });

  it('are written one by one, as they were, where the kernel refuses the whole, and from then on', () => {
    const flow = { isV4: true, isTcp: true, options: 12 };
    const sent = [0, 1, 2].map((i) => packetOf(flow, Buffer.alloc(100, i), 100 * i, i === 2 ? 0x18 : 0x10));
    expect(coalesced(sent, true).map((written) => written.subarray(10))).toEqual(sent);
    expect([coalescer.tcp, coalescer.udp]).toEqual([false, true]);
  });

  it.each([
    ['another sequence number', (packet: Buffer) => packet.writeUInt32BE(7, 24)],
    ['another flag', (packet: Buffer) => packet.writeUInt8(0x11, 33)],
    ['another port', (packet: Buffer) => packet.writeUInt8(9, 21)],
    ['another acknowledgement', (packet: Buffer) => packet.writeUInt8(9, 31)],
    ['another class of service', (packet: Buffer) => packet.writeUInt8(1, 1)],
    ['another TTL', (packet: Buffer) => packet.writeUInt8(9, 8)],
    ['a fragment', (packet: Buffer) => packet.writeUInt8(0x20, 6)],
    ['another option', (packet: Buffer) => packet.writeUInt8(9, 45)],
    ['a damaged payload', (packet: Buffer) => packet.writeUInt8(9, 60)],
    ['a damaged checksum', (packet: Buffer) => packet.writeUInt8((packet[36] ?? 0) ^ 1, 36)],
  ])('but for one with %s, which goes alone and as it is', (_, change) => {
    const flow = { isV4: true, isTcp: true, options: 12 };
    const sent = [0, 1, 2].map((i) => packetOf(flow, Buffer.alloc(100, 5), 100 * i));
    change(sent[1]!);
    const written = coalesced(sent).map((one) => one.subarray(10));
    expect(written).toEqual(sent);
  });
});

describe('what the kernel hands over', () => {
  it('tells of a reduced congestion window (CWR) once, and of the end (FIN, PSH) last', () => {
    const flow = { isV4: true, isTcp: true, options: 12 };
    const packet = packetOf(flow, new Uint8Array(2500).fill(9), 5, 0x10 | 0x80 | 0x08 | 0x01);
    // VIRTIO_NET_HDR_GSO_TCPV4 | ECN; headers of 52 bytes, segments of 1,000.
    const header = Buffer.from([1, 0x81, 52, 0, 0xe8, 3, 20, 0, 16, 0]);
    const flags = segmented(Buffer.concat([header, packet])).map((one) => one[33]);
    expect(flags).toEqual([0x90, 0x10, 0x19]);
  });

  it('harms nothing, whatever its header says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 11, maxLength: 400 }), (bytes) => {
        // Kinds that exist, and sizes that are plausible, more often than not.
        bytes[1] = [0, 1, 4, 5, 0x81, bytes[1]!][bytes[0]! % 6]!;
        bytes[10] = bytes[0]! & 1 ? 0x45 : 0x60;
        memory.bytes.fill(0xaa, room - 64, room + 1000);
        const packets = segmented(bytes);
        expect(packets.every(({ length }) => length <= bytes.length - 10)).toBe(true);
        expect(memory.bytes.subarray(room + 6 + bytes.length, room + 1000).every((byte) => byte === 0xaa)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('has the checksums completed that were left to the hardware', () => {
    const whole = packetOf({ isV4: true, isTcp: false, options: 0 }, Buffer.from('hello'), 0);
    const partial = Buffer.from(whole);
    const pseudo = naive(Buffer.concat([whole.subarray(12, 20), Buffer.from([0, 17, 0, 13])]));
    partial.writeUInt16BE(pseudo, 26);
    const header = Buffer.alloc(10);
    header[0] = 1;
    header.writeUInt16LE(20, 6);
    header.writeUInt16LE(6, 8);
    expect(segmented(Buffer.concat([header, partial]))).toEqual([whole]);
  });
});
