import { isIPv4, isIPv6 } from 'node:net';

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
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new RangeError(`not a port: ${port}`);
  // node:net decides what an address is: lenient parsers read 010.0.0.1 as 8.0.0.1.
  if (isIPv4(ip)) return Object.freeze({ family: 4, ip, port });
  if (!isIPv6(ip)) throw new RangeError(`not an IP address: ${JSON.stringify(ip)}`);
  const zone = ip.indexOf('%');
  const scope = zone === -1 ? '' : ip.slice(zone);
  const canonical = new URL(`http://[${zone === -1 ? ip : ip.slice(0, zone)}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped?.[1] !== undefined && mapped[2] !== undefined) {
    const high = parseInt(mapped[1], 16);
    const low = parseInt(mapped[2], 16);
    return Object.freeze({ family: 4, ip: `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`, port });
  }
  return Object.freeze({ family: 6, ip: canonical + scope, port });
}

/**
 * Reads `192.0.2.1:3478` or `[2001:db8::1]:3478`.
 * @returns undefined when the text is neither.
 */
export function parseTransportAddress(text: string): TransportAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const [, v6, v4, port] = match;
  const ip = v6 ?? v4 ?? '';
  if (v6 === undefined ? !isIPv4(ip) : !isIPv6(ip)) return undefined;
  return Number(port) > 65535 ? undefined : transportAddress(ip, Number(port));
}

/** The text form, which is also the map key: `192.0.2.1:3478`, `[2001:db8::1]:3478`. */
export function formatAddress(address: TransportAddress): string {
  return address.family === 4 ? `${address.ip}:${address.port}` : `[${address.ip}]:${address.port}`;
}

export function sameAddress(a: TransportAddress, b: TransportAddress): boolean {
  return a.port === b.port && a.ip === b.ip;
}
