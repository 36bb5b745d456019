import { cidrContains, parseCidr, type Cidr } from '@wirepath/core/plugin';

/** A list of CIDRs to look addresses up in. */
export class IpRanges {
  readonly #ranges: readonly Cidr[];

  /** @throws {RangeError} for what is not a CIDR or an address. */
  constructor(cidrs: readonly string[]) {
    this.#ranges = cidrs.map((text) => {
      const cidr = parseCidr(text);
      if (cidr === undefined) throw new RangeError(`not a CIDR: ${JSON.stringify(text)}`);
      return cidr;
    });
  }

  /** @param bytes 4 or 16 bytes, network byte order. */
  contains(bytes: Uint8Array): boolean {
    return this.#ranges.some((range) => cidrContains(range, bytes));
  }
}

export function isCidr(text: string): boolean {
  return parseCidr(text) !== undefined;
}
