import { parseCidr } from '@wirepath/core/plugin';

/** An address in the 16 bytes of PCP's messages: an IPv4 one is IPv4-mapped (RFC 6887 section 5). @param ip an IP literal. */
export function ipv6Bytes(ip: string): Uint8Array {
  const bytes = parseCidr(ip)?.bytes ?? new Uint8Array(16);
  if (bytes.length === 16) return bytes;
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...bytes);
}
