import { isIPv4, isIPv6 } from 'node:net';

/** An IP prefix: the address as 4 or 16 bytes, zero behind the prefix length. */
export interface IpPrefix {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/**
 * Reads `10.77.0.0/24`, `2001:db8::/32`, or a bare address as a host route; bits behind the prefix are cleared, as
 * `wg` does.
 * @returns undefined when the text is none of these.
 */
export function parseIpPrefix(text: string): IpPrefix | undefined {
  const [, address = '', lengthText] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bytes = isIPv4(address) ? ipv4Bytes(address) : isIPv6(address) ? ipv6Bytes(address) : undefined;
  if (bytes === undefined) return undefined;
  const length = lengthText === undefined ? bytes.length * 8 : Number(lengthText);
  if (length > bytes.length * 8) return undefined;
  return { bytes: maskBytes(bytes, length), length };
}

/** The text form: dotted quad, or eight groups of lower-case hex compressed as RFC 5952 asks. */
export function formatIpPrefix(prefix: IpPrefix): string {
  const { bytes, length } = prefix;
  if (bytes.length === 4) return `${bytes.join('.')}/${length}`;
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return `${new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)}/${length}`;
}

function ipv4Bytes(address: string): Uint8Array {
  return Uint8Array.from(address.split('.'), Number);
}

function ipv6Bytes(address: string): Uint8Array {
  // WHATWG URLs know every text form of an IPv6 address and give back the canonical one, without dotted quads.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groupsOf = (part: string) => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const first = groupsOf(head);
  const last = groupsOf(tail ?? '');
  const bytes = new Uint8Array(16);
  const put = (group: number, at: number) => bytes.set([group >> 8, group & 255], 2 * at);
  first.forEach((group, i) => put(group, i));
  last.forEach((group, i) => put(group, 8 - last.length + i));
  return bytes;
}

function maskBytes(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, i) => {
    const kept = Math.min(8, Math.max(0, length - 8 * i));
    return byte & (0xff00 >> kept) & 0xff;
  });
}
