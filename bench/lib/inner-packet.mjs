/** IPv4 packets for inside the tunnel: ICMP echo (RFC 792), which a kernel answers too, and UDP for bulk. */

export function echoRequest(from, to, identifier, sequence, payloadBytes = 56) {
  const packet = ipv4(from, to, 1, 8 + payloadBytes);
  packet[20] = 8;
  packet.writeUInt16BE(identifier, 24);
  packet.writeUInt16BE(sequence, 26);
  packet.writeUInt16BE(checksum(packet.subarray(20)), 22);
  return packet;
}

/** @returns undefined for anything but an echo request. */
export function echoReplyTo(packet) {
  if (packet[9] !== 1 || packet[20] !== 8) return undefined;
  const reply = Buffer.from(packet);
  reply.copyWithin(12, 16, 20);
  Buffer.from(packet).copy(reply, 16, 12, 16);
  reply[20] = 0;
  reply.writeUInt16BE(0, 22);
  reply.writeUInt16BE(checksum(reply.subarray(20)), 22);
  return reply;
}

/** @returns identifier and sequence of an echo reply; undefined for anything else. */
export function readEchoReply(packet) {
  if (packet[9] !== 1 || packet[20] !== 0 || packet.length < 28) return undefined;
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  return { identifier: bytes.readUInt16BE(24), sequence: bytes.readUInt16BE(26) };
}

/** Without a checksum, which IPv4 permits. */
export function udpPacket(from, to, port, payloadBytes) {
  const packet = ipv4(from, to, 17, 8 + payloadBytes);
  packet.writeUInt16BE(port, 20);
  packet.writeUInt16BE(port, 22);
  packet.writeUInt16BE(8 + payloadBytes, 24);
  return packet;
}

function ipv4(from, to, protocol, bodyBytes) {
  const packet = Buffer.alloc(20 + bodyBytes);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[8] = 64;
  packet[9] = protocol;
  for (const [i, part] of from.split('.').entries()) packet[12 + i] = Number(part);
  for (const [i, part] of to.split('.').entries()) packet[16 + i] = Number(part);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  return packet;
}

/** RFC 1071. */
function checksum(bytes) {
  let sum = 0;
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  if (bytes.length % 2 === 1) sum += bytes[bytes.length - 1] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
