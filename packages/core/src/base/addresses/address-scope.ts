import { addressFromIpBytes, ipToBytes, tryTransportAddress, type TransportAddress } from '@wirepath/stun-codec';
import { embeddedIpv4 } from './embedded-ipv4.js';

/** How far an address reaches; `nobody`: unspecified, multicast, broadcast or reserved, so that nobody can be asked there. */
export type AddressScope = 'nobody' | 'loopback' | 'link-local' | 'private' | 'global';

/** Addresses are immutable, and the engine asks for the same few again and again. */
const scopes = new WeakMap<TransportAddress, AddressScope>();
const embedded = new WeakMap<TransportAddress, readonly TransportAddress[]>();
const NARROWEST_FIRST: readonly AddressScope[] = ['nobody', 'loopback', 'link-local', 'private', 'global'];

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
 * Whether it is of this machine itself: 127.0.0.0/8 or ::1. Not what merely leads there, as {@link scopeOf} has it, but for
 * the IPv4-mapped form, in which the system tells IPv4 addresses.
 * @param ip as the system tells it; false for whatever is no address.
 */
export function isLoopback(ip: string): boolean {
  const address = tryTransportAddress(ip, 0);
  return address?.family === 4 ? address.ip.startsWith('127.') : address?.ip === '::1';
}

/** The IPv4 addresses, with the same port, that an address leads to: {@link embeddedIpv4}. */
export function embeddedAddresses(address: TransportAddress): readonly TransportAddress[] {
  let leadsTo = embedded.get(address);
  if (leadsTo === undefined) {
    const found = address.family === 4 ? [] : embeddedIpv4(ipToBytes(address));
    leadsTo = found.flatMap((bytes) => addressFromIpBytes(bytes, address.port) ?? []);
    embedded.set(address, leadsTo);
  }
  return leadsTo;
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
  // Of several the narrowest: one suffices to lead there.
  const reached = embeddedAddresses(address).map(scopeOf);
  return NARROWEST_FIRST.find((scope) => reached.includes(scope)) ?? 'global';
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let index = from; index < to; index += 1) if (bytes[index] !== 0) return false;
  return true;
}
