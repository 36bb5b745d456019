import type { Cidr } from '@wirepath/core/plugin';
import { parseAllowedIp } from '../protocol/allowed-ips.js';
import { PrefixTrie } from '../protocol/prefix-trie.js';

/** Far more than a node has peers with candidates; past it the one that was named longest ago is forgotten. */
const ENDPOINTS_MAX = 65_536;

/**
 * Which endpoints of ours lie in which allowed IP ranges: each question takes as many steps as an address has bits.
 *
 * No endpoint has a route or rule of its own: mark and port tell our own datagrams and connections. But the kernel asks for
 * them in rules alone, and goes through rules one by one: a range is asked for by rules only where something of ours has to
 * get past it, and is a plain route, which catches what is marked too, elsewhere. So whatever sends says where to: the
 * transport's sockets (peers, relays, STUN), those beside them (rendezvous, DNS), and a device (what it is told, and says).
 */
export class EndpointCover {
  readonly #ranges = byFamily<string>();
  readonly #endpoints = byFamily<true>();
  /** Named longest ago first. */
  readonly #named = new Map<string, Cidr>();

  /** @param cidr canonical. @returns whether an endpoint lies in it. */
  addRange(cidr: string): boolean {
    const prefix = parseAllowedIp(cidr);
    if (prefix === undefined) return false;
    this.#ranges(prefix).insert(prefix, cidr);
    return this.#endpoints(prefix).hasWithin(prefix);
  }

  removeRange(cidr: string): void {
    const prefix = parseAllowedIp(cidr);
    if (prefix !== undefined) this.#ranges(prefix).remove(prefix);
  }

  /** @returns the ranges that a new endpoint lies in; none for one that is known. */
  addEndpoint(ip: string): readonly string[] {
    const known = this.#named.get(ip);
    if (known !== undefined) {
      this.#named.delete(ip);
      this.#named.set(ip, known);
      return [];
    }
    const prefix = parseAllowedIp(ip.split('%')[0] ?? '');
    if (prefix === undefined) return [];
    this.#named.set(ip, prefix);
    this.#endpoints(prefix).insert(prefix, true);
    if (this.#named.size > ENDPOINTS_MAX) this.#forgetOldest();
    return this.#ranges(prefix).covering(prefix.bytes);
  }

  #forgetOldest(): void {
    const [oldest] = this.#named;
    if (oldest === undefined) return;
    this.#named.delete(oldest[0]);
    this.#endpoints(oldest[1]).remove(oldest[1]);
  }
}

function byFamily<Value>(): (prefix: Cidr) => PrefixTrie<Value> {
  const v4 = new PrefixTrie<Value>();
  const v6 = new PrefixTrie<Value>();
  return ({ bytes }) => (bytes.length === 4 ? v4 : v6);
}
