import { isIPv4, isIPv6 } from 'node:net';
import { parseTransportAddress, type PublicKey, type TransportAddress } from '@wirepath/core/plugin';

/** The values of the UAPI's keys. A parser returns undefined for whatever is not exactly such a value. */

export function parseKey(text: string): Uint8Array | undefined {
  return /^[0-9a-fA-F]{64}$/.test(text) ? Uint8Array.from(Buffer.from(text, 'hex')) : undefined;
}

export function formatKey(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('hex');
}

export function parsePublicKey(text: string): PublicKey | undefined {
  const key = parseKey(text);
  return key && publicKeyOf(key);
}

export function publicKeyOf(key: Uint8Array): PublicKey {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('base64');
}

export function publicKeyBytes(publicKey: PublicKey): Uint8Array {
  return Uint8Array.from(Buffer.from(publicKey, 'base64'));
}

export function formatPublicKey(publicKey: PublicKey): string {
  return formatKey(publicKeyBytes(publicKey));
}

export function isZero(key: Uint8Array): boolean {
  return key.every((byte) => byte === 0);
}

/** Decimal digits only: no sign, no exponent, no hexadecimal. */
export function parseDecimal(text: string, max: number): number | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

export function parseTrue(text: string): true | undefined {
  return text === 'true' ? true : undefined;
}

export function parseEndpoint(text: string): TransportAddress | undefined {
  const address = parseTransportAddress(text);
  return address === undefined || address.port === 0 ? undefined : address;
}

/** `10.0.0.1/8`, `fd00::/8`. @returns the canonical CIDR, host bits cleared: `10.0.0.0/8`. */
export function parseCidr(text: string): string | undefined {
  const match = /^([0-9a-fA-F.:]{2,45})\/(\d{1,3})$/.exec(text);
  const [, ip = '', digits = ''] = match ?? [];
  const prefix = Number(digits);
  if (isIPv4(ip)) return prefix <= 32 ? `${maskIpv4(ip, prefix)}/${prefix}` : undefined;
  if (isIPv6(ip)) return prefix <= 128 ? `${maskIpv6(ip, prefix)}/${prefix}` : undefined;
  return undefined;
}

function maskIpv4(ip: string, prefix: number): string {
  return ip
    .split('.')
    .map((byte, i) => Number(byte) & (0xff00 >> Math.min(8, Math.max(0, prefix - i * 8))) & 0xff)
    .join('.');
}

function maskIpv6(ip: string, prefix: number): string {
  const groups = ipv6Groups(ip).map((group, i) => {
    const bits = Math.min(16, Math.max(0, prefix - i * 16));
    return (group & (0xffff0000 >> bits) & 0xffff).toString(16);
  });
  // The URL parser of the platform writes RFC 5952; transportAddress() would turn ::ffff:0:0/96 into IPv4.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** The eight groups of a valid IPv6 address without a zone. */
function ipv6Groups(ip: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip);
  let text = ip;
  if (dotted) {
    const [, head = '', a, b, c, d] = dotted;
    text = `${head}${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`;
  }
  const [left = '', right] = text.split('::');
  const parse = (half: string): number[] => (half === '' ? [] : half.split(':').map((group) => parseInt(group, 16)));
  const head = parse(left);
  if (right === undefined) return head;
  const tail = parse(right);
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}
