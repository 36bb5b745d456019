import { formatIpPrefix, parseIpPrefix } from '../protocol/ip-prefix.js';

/** An IP network as routes name it: that of `10.77.0.1/24` is `10.77.0.0/24`. */
export interface Cidr {
  readonly family: 4 | 6;
  readonly prefixLength: number;
  /** Canonical, so that equal networks have equal texts. */
  readonly text: string;
}

/** @returns undefined when the text is neither a prefix nor an address (which means all its bits). */
export function parseCidr(text: string): Cidr | undefined {
  const prefix = parseIpPrefix(text);
  if (prefix === undefined) return undefined;
  return { family: prefix.bytes.length === 4 ? 4 : 6, prefixLength: prefix.length, text: formatIpPrefix(prefix) };
}

export function cidrContains(cidr: Cidr, ip: string): boolean {
  const [address = ''] = ip.split('%');
  return parseCidr(`${address}/${cidr.prefixLength}`)?.text === cidr.text;
}
