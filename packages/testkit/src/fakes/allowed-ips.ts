import { BlockList } from 'node:net';

const MAX_KNOWN = 1024;

/** CIDRs to match IP addresses with. */
export class AllowedIps {
  readonly #networks: readonly { readonly bits: number; readonly list: BlockList }[];
  /** Answers given: an address comes again with every packet. */
  readonly #known = new Map<string, number | undefined>();

  constructor(cidrs: readonly string[]) {
    this.#networks = cidrs.map((cidr) => {
      const [ip = '', bits = ''] = cidr.split('/');
      const list = new BlockList();
      list.addSubnet(ip, Number(bits), ip.includes(':') ? 'ipv6' : 'ipv4');
      return { bits: Number(bits), list };
    });
  }

  /** @returns the length of the longest prefix that has it. */
  match(ip: string): number | undefined {
    if (this.#known.has(ip)) return this.#known.get(ip);
    let longest: number | undefined;
    for (const { bits, list } of this.#networks) {
      if (list.check(ip, ip.includes(':') ? 'ipv6' : 'ipv4') && bits >= (longest ?? 0)) longest = bits;
    }
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
