const HEADER_BYTES = 20;
/** "Use for experimentation and testing", RFC 3692. */
const PROTOCOL = 253;

/** An IPv4 packet (RFC 791) without options. */
export function ipv4Packet(from: string, to: string, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = 0x45;
  header.writeUInt16BE(HEADER_BYTES + payload.length, 2);
  header[8] = 64;
  header[9] = PROTOCOL;
  header.set(from.split('.').map(Number), 12);
  header.set(to.split('.').map(Number), 16);
  return Buffer.concat([header, payload]);
}

/** What is in such a packet. */
export function payloadOf(packet: Uint8Array): Buffer {
  const bytes = Buffer.from(packet);
  return bytes.subarray(HEADER_BYTES, bytes.readUInt16BE(2));
}
