import { isIPv6 } from '@wirepath/stun-codec';
import { isIPv4 } from 'node:net';

/** An IP network, or an interface address with its network. */
export interface Cidr {
  readonly family: 4 | 6;
  /** Address as written, in canonical text: host bits kept. */
  readonly ip: string;
  /** Prefix length. */
  readonly prefix: number;
  /** Canonical text of the network, host bits cleared: equal networks have equal texts. */
  readonly network: string;
  /** Address of the network, in network byte order: 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  /** True when bits after the prefix are set. */
  readonly hasHostBits: boolean;
}

export interface ParseCidrOptions {
  /**
   * IPv4-mapped IPv6 (`::ffff:10.0.0.0/104`) is IPv6 like any other, as it is to WireGuard. Elsewhere such an address becomes
   * IPv4, and would not be found in a network of IPv6.
   * @default false: it is refused
   */
  readonly mapped?: boolean;
}

/**
 * Reads `10.77.0.0/24` or `2001:db8::/64`; without a prefix it is a single address.
 * @returns undefined when the text is neither. Numbers with leading zeros and zones (`%eth0`) are not accepted.
 */
export function parseCidr(text: string, { mapped = false }: ParseCidrOptions = {}): Cidr | undefined {
  const slash = text.indexOf('/');
  const written = ipBytes(slash === -1 ? text : text.slice(0, slash));
  if (written === undefined || (!mapped && isMapped(written))) return undefined;
  const bits = written.length * 8;
  const prefixText = slash === -1 ? String(bits) : text.slice(slash + 1);
  const prefix = Number(prefixText);
  if (!/^(0|[1-9]\d{0,2})$/.test(prefixText) || prefix > bits) return undefined;
  const bytes = masked(written, prefix);
  const hasHostBits = bytes.some((byte, i) => byte !== written[i]);
  const ip = ipText(written);
  const network = `${hasHostBits ? ipText(bytes) : ip}/${prefix}`;
  return { family: written.length === 4 ? 4 : 6, ip, prefix, network, bytes, hasHostBits };
}

/** @param address 4 or 16 bytes, network byte order. */
export function cidrContains({ bytes, prefix }: Pick<Cidr, 'bytes' | 'prefix'>, address: Uint8Array): boolean {
  if (address.length !== bytes.length) return false;
  const whole = prefix >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== bytes[i]) return false;
  const rest = prefix & 7;
  return rest === 0 || ((address[whole] ?? 0) ^ (bytes[whole] ?? 0)) >> (8 - rest) === 0;
}

/** The network of a shorter prefix length around one, canonical: that of `10.77.0.2/32` with 24 is `10.77.0.0/24`. */
export function networkOf({ bytes }: Pick<Cidr, 'bytes'>, prefix: number): string {
  return `${ipText(masked(bytes, prefix))}/${prefix}`;
}

/** An IP address in network byte order; undefined for what is none, or has a zone. */
function ipBytes(text: string): Uint8Array | undefined {
  // Strict readers decide what an address is: lenient ones read 010.0.0.1 as 8.0.0.1.
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text)) return undefined;
  const [head = '', tail = ''] = text.split('::');
  const first = ipv6Part(head);
  const last = ipv6Part(tail);
  const bytes = new Uint8Array(16);
  bytes.set(first, 0);
  bytes.set(last, 16 - last.length);
  return bytes;
}

/** Groups of hex, the last of them may be a dotted quad. */
function ipv6Part(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes.every((byte, i) => i >= 12 || byte === (i < 10 ? 0 : 255));
}

function masked(bytes: Uint8Array, prefix: number): Uint8Array {
  return bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * i))) & 0xff);
}

/** Dotted quad, or groups of lower-case hex compressed as RFC 5952 asks. @param bytes 4 or 16, network byte order. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  const { from, length } = longestZeros(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + length).join(':')}`;
}

/** Of several of one length the first. */
function longestZeros(groups: readonly string[]): { from: number; length: number } {
  let best = { from: 0, length: 0 };
  for (let from = 0; from < groups.length; from++) {
    let end = from;
    while (groups[end] === '0') end++;
    if (end - from > best.length) best = { from, length: end - from };
    from = Math.max(from, end - 1);
  }
  return best;
}
