import { transportAddress, type TransportAddress } from './address.js';

/** The IP address in network byte order: 4 or 16 bytes. A zone (`%eth0`) has no place on the wire and is left out. */
export function ipToBytes(address: TransportAddress): Buffer {
  if (address.family === 4) return Buffer.from(address.ip.split('.', 4).map(Number));
  const bytes = Buffer.alloc(16);
  const [head = '', tail] = address.ip.split('%', 1).join().split('::', 2);
  const write = (groups: string, from: number) => {
    if (groups !== '') groups.split(':').forEach((group, i) => bytes.writeUInt16BE(parseInt(group, 16), from + 2 * i));
  };
  write(head, 0);
  if (tail !== undefined && tail !== '') write(tail, 16 - 2 * tail.split(':').length);
  return bytes;
}

/** @returns undefined unless there are 4 or 16 bytes and `port` is a port. */
export function addressFromIpBytes(bytes: Uint8Array, port: number): TransportAddress | undefined {
  if (!Number.isInteger(port) || port < 0 || port > 65535) return undefined;
  if (bytes.length === 4) return transportAddress(bytes.join('.'), port);
  if (bytes.length !== 16) return undefined;
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  return transportAddress(groups.join(':'), port);
}
