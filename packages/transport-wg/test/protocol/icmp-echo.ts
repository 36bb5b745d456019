export function echoRequest(source: string, destination: string, sequence: number, size: number): Uint8Array {
  const packet = Buffer.alloc(28 + size, 0x61);
  packet.fill(0, 0, 28);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[8] = 64;
  packet[9] = 1;
  packet.set(source.split('.').map(Number), 12);
  packet.set(destination.split('.').map(Number), 16);
  packet[20] = 8;
  packet.writeUInt16BE(sequence, 26);
  return withChecksums(packet);
}

export function echoReply(request: Uint8Array): Uint8Array {
  const packet = Buffer.from(request);
  packet.set(request.subarray(12, 16), 16);
  packet.set(request.subarray(16, 20), 12);
  packet[20] = 0;
  return withChecksums(packet);
}

function withChecksums(packet: Buffer): Buffer {
  packet.writeUInt16BE(0, 10);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  packet.writeUInt16BE(0, 22);
  packet.writeUInt16BE(checksum(packet.subarray(20)), 22);
  return packet;
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
