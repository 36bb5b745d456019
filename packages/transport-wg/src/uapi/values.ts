import { parseTransportAddress, type PublicKey, type TransportAddress } from '@wirepath/core/plugin';
import { parseAllowedIp } from '../protocol/allowed-ips.js';
import { formatKey } from '../protocol/keys.js';

/** The values of the UAPI's keys. A parser returns undefined for whatever is not exactly such a value. */

/** 64 hexadecimal digits. */
export function parseHexKey(text: string): Uint8Array | undefined {
  return /^[0-9a-fA-F]{64}$/.test(text) ? Uint8Array.from(Buffer.from(text, 'hex')) : undefined;
}

export function formatHexKey(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('hex');
}

export function parsePublicKey(text: string): PublicKey | undefined {
  const key = parseHexKey(text);
  return key && formatKey(key);
}

export function formatPublicKey(publicKey: PublicKey): string {
  return Buffer.from(publicKey, 'base64').toString('hex');
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
  return text.includes('/') ? parseAllowedIp(text)?.network : undefined;
}
