import { addressFromIpBytes, ipToBytes, type TransportAddress } from '@wirepath/stun-codec';

/** How far an address reaches; `nobody`: unspecified, multicast, broadcast or reserved, so that nobody can be asked there. */
export type AddressScope = 'nobody' | 'loopback' | 'link-local' | 'private' | 'global';

/** Addresses are immutable, and the engine asks for the same few again and again. */
const scopes = new WeakMap<TransportAddress, AddressScope>();
const embedded = new WeakMap<TransportAddress, TransportAddress | undefined>();

/** Of an IPv6 address that leads to an IPv4 one, that of the latter. Documentation ranges are ordinary addresses. */
export function scopeOf(address: TransportAddress): AddressScope {
  let scope = scopes.get(address);
  if (scope === undefined) {
    scope = address.family === 4 ? scopeOfIpv4(ipToBytes(address)) : scopeOfIpv6(address);
    scopes.set(address, scope);
  }
  return scope;
}

/**
 * The IPv4 address, with the same port, that an IPv6 address leads to: 6to4 (RFC 3056), NAT64 (RFC 6052, RFC 8215), Teredo
 * (RFC 4380), ISATAP (RFC 5214) and IPv4-compatible (RFC 4291). IPv4-mapped ones are IPv4 already.
 */
export function embeddedIpv4(address: TransportAddress): TransportAddress | undefined {
  if (address.family === 4) return undefined;
  if (!embedded.has(address)) {
    const bytes = embeddedBytes(ipToBytes(address));
    embedded.set(address, bytes && addressFromIpBytes(bytes, address.port));
  }
  return embedded.get(address);
}

function scopeOfIpv4(bytes: Uint8Array): AddressScope {
  const [a = 0, b = 0] = bytes;
  if (a === 0 || a >= 224) return 'nobody';
  if (a === 127) return 'loopback';
  if (a === 169 && b === 254) return 'link-local';
  // RFC 1918, RFC 6598 (carriers).
  const isPrivate = a === 10 || (a === 172 && (b & 0xf0) === 16) || (a === 192 && b === 168);
  return isPrivate || (a === 100 && (b & 0xc0) === 64) ? 'private' : 'global';
}

function scopeOfIpv6(address: TransportAddress): AddressScope {
  const bytes = ipToBytes(address);
  const [a = 0, b = 0] = bytes;
  if (isZero(bytes, 0, 15)) {
    if (bytes[15] === 0) return 'nobody';
    if (bytes[15] === 1) return 'loopback';
  }
  if (a === 0xff) return 'nobody';
  // Site-local too, which RFC 3879 has taken back.
  if (a === 0xfe && b >= 0x80) return 'link-local';
  if ((a & 0xfe) === 0xfc) return 'private';
  const ipv4 = embeddedIpv4(address);
  return ipv4 === undefined ? 'global' : scopeOf(ipv4);
}

function embeddedBytes(bytes: Uint8Array): Uint8Array | undefined {
  const starts = (...prefix: readonly number[]) => prefix.every((byte, index) => bytes[index] === byte);
  if (starts(0x20, 0x02)) return bytes.subarray(2, 6);
  if (starts(0x20, 0x01, 0, 0)) return bytes.subarray(12).map((byte) => byte ^ 0xff);
  const isNat64 = starts(0, 0x64, 0xff, 0x9b) && (isZero(bytes, 4, 12) || starts(0, 0x64, 0xff, 0x9b, 0, 1));
  const isIsatap = ((bytes[8] ?? 0) & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
  return isNat64 || isIsatap || isZero(bytes, 0, 12) ? bytes.subarray(12) : undefined;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let index = from; index < to; index += 1) if (bytes[index] !== 0) return false;
  return true;
}
