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

/** Ways in which an IPv6 address carries an IPv4 one, and where. Made when first asked for: a node that runs no server needs none. */
const transitionForms = once(() => {
  const last = (bytes: Uint8Array) => [bytes.subarray(12)];
  return [
    // 6to4 (RFC 3056).
    { ranges: new IpRanges(['2002::/16']), embedded: (bytes: Uint8Array) => [bytes.subarray(2, 6)] },
    // NAT64 (RFC 6052, RFC 8215), IPv4-compatible (RFC 4291), IPv4-translated (RFC 2765).
    { ranges: new IpRanges(['64:ff9b::/96', '64:ff9b:1::/48', '::/96', '::ffff:0:0:0/96']), embedded: last },
    // Teredo (RFC 4380): the server's address, and the client's, inverted.
    {
      ranges: new IpRanges(['2001::/32']),
      embedded: (bytes: Uint8Array) => [bytes.subarray(4, 8), bytes.subarray(12).map((byte) => byte ^ 0xff)],
    },
  ];
});

/**
 * The IPv4 addresses that an IPv6 address leads to: 6to4, NAT64, Teredo, IPv4-compatible, IPv4-translated, and ISATAP under
 * any prefix; none for others. IPv4-mapped ones are IPv4 already when they get here.
 */
export function embeddedIpv4(bytes: Uint8Array): readonly Uint8Array[] {
  // `::` and `::1` carry nothing, although the IPv4-compatible addresses begin there.
  if (bytes.length !== 16 || bytes.every((byte, i) => (i < 15 ? byte === 0 : byte <= 1))) return [];
  const found = transitionForms().flatMap(({ ranges, embedded }) => (ranges.contains(bytes) ? embedded(bytes) : []));
  return isIsatap(bytes) ? [...found, bytes.subarray(12)] : found;
}

/** RFC 5214: the interface identifier is 0:5efe or 200:5efe and the IPv4 address. */
function isIsatap(bytes: Uint8Array): boolean {
  return ((bytes[8] ?? 0) & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
