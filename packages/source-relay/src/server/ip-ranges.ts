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
