import { ipToBytes, transportAddress } from '@wirepath/stun-codec';

interface IpRange {
  readonly network: Uint8Array;
  readonly prefix: number;
}

/** A list of CIDRs to look addresses up in. */
export class IpRanges {
  readonly #ranges: readonly IpRange[];

  /** @throws {RangeError} for what is not a CIDR or an address. */
  constructor(cidrs: readonly string[]) {
    this.#ranges = cidrs.map(parseRange);
  }

  /** @param bytes 4 or 16 bytes, network byte order. */
  contains(bytes: Uint8Array): boolean {
    return this.#ranges.some((range) => inRange(bytes, range));
  }
}

export function isCidr(text: string): boolean {
  try {
    parseRange(text);
    return true;
  } catch {
    // The exception is the answer.
    return false;
  }
}

function parseRange(text: string): IpRange {
  const [ip = '', prefixText, ...rest] = text.split('/');
  const network = ipToBytes(transportAddress(ip, 0));
  const prefix = prefixText === undefined ? network.length * 8 : Number(prefixText);
  if (rest.length > 0 || (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText)) || prefix > network.length * 8)
    throw new RangeError(`not a CIDR: ${JSON.stringify(text)}`);
  return { network, prefix };
}

function inRange(bytes: Uint8Array, { network, prefix }: IpRange): boolean {
  if (bytes.length !== network.length) return false;
  const whole = prefix >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== network[i]) return false;
  const rest = prefix & 7;
  return rest === 0 || ((bytes[whole] ?? 0) ^ (network[whole] ?? 0)) >> (8 - rest) === 0;
}

/** IPv6 ranges whose addresses lead to an IPv4 one. Made when first asked for: a node that runs no server needs none. */
const transitionRanges = once(() => ({
  nat64: new IpRanges(['64:ff9b::/96']),
  sixToFour: new IpRanges(['2002::/16']),
  /** RFC 4291's deprecated IPv4-compatible addresses. */
  compatible: new IpRanges(['::/96']),
  /** RFC 4380: the client's IPv4 address is in the last 32 bits, inverted. */
  teredo: new IpRanges(['2001::/32']),
}));

/**
 * The IPv4 address that an IPv6 address leads to (6to4, NAT64, Teredo, IPv4-compatible); undefined for others.
 * IPv4-mapped ones are IPv4 already when they get here.
 */
export function embeddedIpv4(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length !== 16) return undefined;
  const { nat64, sixToFour, compatible, teredo } = transitionRanges();
  if (sixToFour.contains(bytes)) return bytes.subarray(2, 6);
  if (nat64.contains(bytes) || compatible.contains(bytes)) return bytes.subarray(12);
  if (teredo.contains(bytes)) return bytes.subarray(12).map((byte) => byte ^ 0xff);
  return undefined;
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
