import { isIP } from 'node:net';
import { transportAddress } from '@wirepath/stun-codec';

/** An IP network, or an interface address with its network. */
export interface Cidr {
  readonly family: 4 | 6;
  /** Address as written, in canonical text: host bits kept. */
  readonly ip: string;
  /** Prefix length. */
  readonly prefix: number;
  /** Canonical text of the network: host bits cleared. */
  readonly network: string;
  /** True when bits after the prefix are set. */
  readonly hasHostBits: boolean;
}

/**
 * Reads `10.77.0.0/24` or `2001:db8::/64`; without a prefix it is a single address.
 * @returns undefined when the text is neither. Octets with leading zeros and IPv4-mapped IPv6 are not accepted.
 */
export function parseCidr(text: string): Cidr | undefined {
  const [ipText = '', prefixText, ...rest] = text.split('/');
  const family = isIP(ipText);
  if ((family !== 4 && family !== 6) || rest.length > 0 || ipText.includes('%')) return undefined;
  const bits = family === 4 ? 32 : 128;
  if (prefixText !== undefined && !/^(0|[1-9]\d{0,2})$/.test(prefixText)) return undefined;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) return undefined;
  const address = transportAddress(ipText, 0);
  if (address.family !== family) return undefined;
  const network = networkAddress(address.ip, family, prefix);
  return {
    family,
    ip: address.ip,
    prefix,
    network: `${network}/${prefix}`,
    hasHostBits: network !== address.ip,
  };
}

/** The network of that prefix length around another, canonical: that of `10.77.0.2/32` with 24 is `10.77.0.0/24`. */
export function networkOf({ ip, family }: Pick<Cidr, 'ip' | 'family'>, prefix: number): string {
  return `${networkAddress(ip, family, prefix)}/${prefix}`;
}

function networkAddress(ip: string, family: 4 | 6, prefix: number): string {
  const hostBits = BigInt((family === 4 ? 32 : 128) - prefix);
  if (hostBits === 0n) return ip;
  return toText((toNumber(ip, family) >> hostBits) << hostBits, family);
}

function toNumber(ip: string, family: 4 | 6): bigint {
  if (family === 4) return ip.split('.').reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
  const [head = '', tail] = ip.split('::');
  const groups = (part: string | undefined) => (part === undefined || part === '' ? [] : part.split(':'));
  const front = groups(head);
  const back = groups(tail);
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  const all = [...front, ...Array.from({ length: zeros }, () => '0'), ...back];
  return all.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n);
}

function toText(value: bigint, family: 4 | 6): string {
  const [count, width, radix, separator] = family === 4 ? [4, 8n, 10, '.'] : [8, 16n, 16, ':'];
  const parts: string[] = [];
  for (let index = count - 1; index >= 0; index--) {
    parts.push(((value >> (BigInt(index) * width)) & ((1n << width) - 1n)).toString(radix));
  }
  const text = parts.join(separator);
  return family === 4 ? text : transportAddress(text, 0).ip;
}
