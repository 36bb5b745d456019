import { cidrContains, parseCidr, type Cidr } from '@wirepath/core/plugin';

const MAX_KNOWN = 1024;

/** CIDRs to match IP addresses with. */
export class AllowedIps {
  readonly #networks: readonly Cidr[];
  /** Answers given: an address comes again with every packet. */
  readonly #known = new Map<string, number | undefined>();

  constructor(cidrs: readonly string[]) {
    this.#networks = cidrs.flatMap((cidr) => parseCidr(cidr) ?? []);
  }

  /** @returns the length of the longest prefix that has it. */
  match(ip: string): number | undefined {
    if (this.#known.has(ip)) return this.#known.get(ip);
    const address = parseCidr(ip)?.bytes;
    const holding = this.#networks.filter((network) => address !== undefined && cidrContains(network, address));
    const longest = holding.length === 0 ? undefined : Math.max(...holding.map(({ prefix }) => prefix));
    if (this.#known.size < MAX_KNOWN) this.#known.set(ip, longest);
    return longest;
  }
}

/** @returns undefined for what is no IP packet. */
export function destinationOf(packet: Uint8Array): string | undefined {
  return addressAt(packet, 16, 24);
}

export function sourceOf(packet: Uint8Array): string | undefined {
  return addressAt(packet, 12, 8);
}

function addressAt(packet: Uint8Array, ipv4At: number, ipv6At: number): string | undefined {
  const version = (packet[0] ?? 0) >> 4;
  if (version === 4 && packet.length >= 20) return packet.subarray(ipv4At, ipv4At + 4).join('.');
  if (version !== 6 || packet.length < 40) return undefined;
  const hex = Buffer.from(packet.subarray(ipv6At, ipv6At + 16)).toString('hex');
  return hex.match(/.{4}/g)?.join(':');
}
