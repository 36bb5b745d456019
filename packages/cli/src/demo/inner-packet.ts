/** Inner IPv4 packets (RFC 791) with ICMP echo (RFC 792) or UDP (RFC 768), as a kernel would put them into the tunnel. */

const IP_HEADER_BYTES = 20;
const ICMP_HEADER_BYTES = 8;
const UDP_HEADER_BYTES = 8;
const PROTOCOL_ICMP = 1;
const PROTOCOL_UDP = 17;
const ICMP_ECHO_REPLY = 0;
const ICMP_ECHO_REQUEST = 8;

export type InnerPacket =
  | {
      readonly kind: 'echo-request' | 'echo-reply';
      readonly from: string;
      readonly to: string;
      readonly identifier: number;
      readonly sequence: number;
      readonly payload: Buffer;
    }
  | {
      readonly kind: 'udp';
      readonly from: string;
      readonly to: string;
      readonly sourcePort: number;
      readonly destinationPort: number;
      readonly payload: Buffer;
    };

export function encodeInnerPacket(packet: InnerPacket): Buffer {
  const body = packet.kind === 'udp' ? encodeUdp(packet) : encodeEcho(packet);
  const bytes = Buffer.alloc(IP_HEADER_BYTES + body.length);
  bytes[0] = 0x45;
  bytes.writeUInt16BE(bytes.length, 2);
  bytes[8] = 64;
  bytes[9] = packet.kind === 'udp' ? PROTOCOL_UDP : PROTOCOL_ICMP;
  writeAddress(bytes, 12, packet.from);
  writeAddress(bytes, 16, packet.to);
  bytes.writeUInt16BE(internetChecksum(bytes.subarray(0, IP_HEADER_BYTES)), 10);
  body.copy(bytes, IP_HEADER_BYTES);
  return bytes;
}

/** @returns undefined for anything else than whole IPv4 packets of these kinds, as a host drops it. */
export function decodeInnerPacket(input: Uint8Array): InnerPacket | undefined {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  if (bytes.length < IP_HEADER_BYTES + ICMP_HEADER_BYTES || bytes[0] !== 0x45) return undefined;
  const length = bytes.readUInt16BE(2);
  if (length < IP_HEADER_BYTES + ICMP_HEADER_BYTES || length > bytes.length) return undefined;
  const from = readAddress(bytes, 12);
  const to = readAddress(bytes, 16);
  const body = bytes.subarray(IP_HEADER_BYTES, length);
  if (bytes[9] === PROTOCOL_UDP) {
    return {
      kind: 'udp',
      from,
      to,
      sourcePort: body.readUInt16BE(0),
      destinationPort: body.readUInt16BE(2),
      payload: body.subarray(UDP_HEADER_BYTES),
    };
  }
  if (bytes[9] !== PROTOCOL_ICMP || internetChecksum(body) !== 0) return undefined;
  const type = body[0];
  if (type !== ICMP_ECHO_REQUEST && type !== ICMP_ECHO_REPLY) return undefined;
  return {
    kind: type === ICMP_ECHO_REQUEST ? 'echo-request' : 'echo-reply',
    from,
    to,
    identifier: body.readUInt16BE(4),
    sequence: body.readUInt16BE(6),
    payload: body.subarray(ICMP_HEADER_BYTES),
  };
}

function encodeEcho(packet: Extract<InnerPacket, { identifier: number }>): Buffer {
  const bytes = Buffer.alloc(ICMP_HEADER_BYTES + packet.payload.length);
  bytes[0] = packet.kind === 'echo-request' ? ICMP_ECHO_REQUEST : ICMP_ECHO_REPLY;
  bytes.writeUInt16BE(packet.identifier, 4);
  bytes.writeUInt16BE(packet.sequence, 6);
  packet.payload.copy(bytes, ICMP_HEADER_BYTES);
  bytes.writeUInt16BE(internetChecksum(bytes), 2);
  return bytes;
}

/** Without a checksum, which IPv4 permits: the tunnel authenticates every byte. */
function encodeUdp(packet: Extract<InnerPacket, { kind: 'udp' }>): Buffer {
  const bytes = Buffer.alloc(UDP_HEADER_BYTES + packet.payload.length);
  bytes.writeUInt16BE(packet.sourcePort, 0);
  bytes.writeUInt16BE(packet.destinationPort, 2);
  bytes.writeUInt16BE(bytes.length, 4);
  packet.payload.copy(bytes, UDP_HEADER_BYTES);
  return bytes;
}

/** RFC 1071. Over bytes that contain their own checksum it is 0. */
function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  if (bytes.length % 2 === 1) sum += (bytes[bytes.length - 1] ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function writeAddress(bytes: Buffer, offset: number, address: string): void {
  for (const [index, part] of address.split('.').entries()) bytes[offset + index] = Number(part);
}

function readAddress(bytes: Buffer, offset: number): string {
  return bytes.subarray(offset, offset + 4).join('.');
}
