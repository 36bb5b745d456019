import { isIPv4 } from 'node:net';

/**
 * A transport address (RFC 8445): IP address and UDP or TCP port. Immutable; made only by {@link transportAddress} and
 * {@link parseTransportAddress}, so `ip` is always canonical: dotted quad, or lower-case compressed IPv6 (RFC 5952).
 * IPv4-mapped IPv6 becomes IPv4, so one address has one value.
 */
export interface TransportAddress {
  readonly family: 4 | 6;
  readonly ip: string;
  /** 0 to 65535; 0 only where "no port" is meant (a bind request, an IP to permit). */
  readonly port: number;
}

/** @throws {RangeError} when `ip` is not an IP address or `port` is not a port. */
export function transportAddress(ip: string, port: number): TransportAddress {
  const address = tryTransportAddress(ip, port);
  if (address !== undefined) return address;
  throw new RangeError(isPort(port) ? `not an IP address: ${JSON.stringify(ip)}` : `not a port: ${String(port)}`);
}

/** As {@link transportAddress}, for what the system, a peer or a server says: undefined where it is no address. */
export function tryTransportAddress(ip: unknown, port: unknown): TransportAddress | undefined {
  if (!isPort(port) || typeof ip !== 'string') return undefined;
  // node:net decides what an address is: lenient parsers read 010.0.0.1 as 8.0.0.1.
  if (isIPv4(ip)) return Object.freeze({ family: 4, ip, port });
  const { bare, scope } = splitZone(ip);
  // Without its zone, which is an interface's name, and that may be nearly any text.
  if (!isIPv6(bare) || scope === '%') return undefined;
  const canonical = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped?.[1] !== undefined && mapped[2] !== undefined) {
    const high = parseInt(mapped[1], 16);
    const low = parseInt(mapped[2], 16);
    return Object.freeze({ family: 4, ip: `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`, port });
  }
  return Object.freeze({ family: 6, ip: canonical + scope, port });
}

/**
 * As `isIPv6` of node:net, but without zones; that one's pattern takes 5 ms to compile, while a node starts.
 * The host of a URL is read by the same grammar (RFC 4291).
 */
export function isIPv6(text: string): boolean {
  return /^[\da-f:.]{2,45}$/i.test(text) && URL.canParse(`http://[${text}]`);
}

function isPort(port: unknown): port is number {
  return typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65535;
}

/** `fe80::1%br_lan` as address and `%br_lan`; the zone is empty where there is none. */
function splitZone(ip: string): { bare: string; scope: string } {
  const zone = ip.indexOf('%');
  return zone === -1 ? { bare: ip, scope: '' } : { bare: ip.slice(0, zone), scope: ip.slice(zone) };
}

/**
 * Reads `192.0.2.1:3478` or `[2001:db8::1]:3478`.
 * @returns undefined when the text is neither.
 */
export function parseTransportAddress(text: string): TransportAddress | undefined {
  // The last bracket closes: a zone may have brackets of its own.
  const match = /^(?:\[(.+)\]|([^:[\]]+)):(\d{1,5})$/s.exec(text);
  if (!match) return undefined;
  const [, v6, v4, port] = match;
  const address = tryTransportAddress(v6 ?? v4, Number(port));
  // Brackets are IPv6's; whether it was mapped from IPv4 is not the text's business.
  return (v6 === undefined) === isIPv4(v6 ?? v4 ?? '') ? address : undefined;
}

/** The text form, which is also the map key: `192.0.2.1:3478`, `[2001:db8::1]:3478`. */
export function formatAddress(address: TransportAddress): string {
  return address.family === 4 ? `${address.ip}:${address.port}` : `[${address.ip}]:${address.port}`;
}

export function sameAddress(a: TransportAddress, b: TransportAddress): boolean {
  return a.port === b.port && a.ip === b.ip;
}
