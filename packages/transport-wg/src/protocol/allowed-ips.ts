import { parseCidr, type Cidr } from '@wirepath/core/plugin';
import { AddressCache } from './address-cache.js';
import { PrefixTrie } from './prefix-trie.js';

/** As WireGuard reads it: IPv4-mapped IPv6 is IPv6, bits behind the prefix do not count. @returns undefined for other texts. */
export function parseAllowedIp(text: string): Cidr | undefined {
  return parseCidr(text, { mapped: true });
}

/** A range has become some peer's (true), or is nobody's any more. Canonical text. */
export type OnRange = (cidr: string, isRouted: boolean) => void;

/**
 * Cryptokey routing (paper section 2): which peer a destination belongs to, and whether a peer may use a source. A trie
 * for each address family, searched for the longest prefix. A prefix belongs to one peer: inserting it for another moves
 * it. A change costs what it changes, and a packet of a flow the same, however many peers there are.
 */
export class AllowedIps<Peer> {
  readonly #trie4 = new PrefixTrie<Peer>();
  readonly #trie6 = new PrefixTrie<Peer>();
  readonly #cache4 = new AddressCache<Peer>(4);
  readonly #cache6 = new AddressCache<Peer>(16);
  readonly #byPeer = new Map<Peer, Map<string, Cidr>>();
  readonly #onRange: OnRange;

  /** @param onRange what is routed here at all has changed; not called where a range only passes to another peer. */
  constructor(onRange: OnRange = () => undefined) {
    this.#onRange = onRange;
  }

  insert(prefix: Cidr, peer: Peer): void {
    const text = prefix.network;
    const displaced = this.#trieToChange(prefix).insert(prefix, peer);
    const prefixes = this.#byPeer.get(peer) ?? new Map<string, Cidr>();
    const isNew = displaced === undefined && !prefixes.has(text);
    if (displaced !== undefined) this.#byPeer.get(displaced)?.delete(text);
    this.#byPeer.set(peer, prefixes.set(text, prefix));
    if (isNew) this.#onRange(text, true);
  }

  /** The peer has these prefixes and no others; those that it keeps are not touched. */
  replace(peer: Peer, prefixes: readonly Cidr[]): void {
    const wanted = new Map(prefixes.map((prefix) => [prefix.network, prefix]));
    const present = this.#byPeer.get(peer) ?? new Map<string, Cidr>();
    for (const [text, prefix] of [...present]) if (!wanted.has(text)) this.remove(prefix, peer);
    for (const [text, prefix] of wanted) if (!present.has(text)) this.insert(prefix, peer);
  }

  /** Removes the prefix if it is this peer's. */
  remove(prefix: Cidr, peer: Peer): void {
    const text = prefix.network;
    if (!this.#byPeer.get(peer)?.delete(text)) return;
    this.#trieToChange(prefix).remove(prefix);
    this.#onRange(text, false);
  }

  removePeer(peer: Peer): void {
    const prefixes = this.#byPeer.get(peer);
    this.#byPeer.delete(peer);
    for (const [text, prefix] of prefixes ?? []) {
      this.#trieToChange(prefix).remove(prefix);
      this.#onRange(text, false);
    }
  }

  /** The peer's prefixes in their text form. */
  of(peer: Peer): string[] {
    return [...(this.#byPeer.get(peer)?.keys() ?? [])];
  }

  /** The peer with the longest prefix that holds the IPv4 address at `offset`. */
  lookup4(bytes: Uint8Array, offset: number): Peer | undefined {
    return this.#cache4.get(bytes, offset) ?? this.#cache4.put(bytes, offset, this.#trie4.lookup(bytes, offset, 32));
  }

  lookup6(bytes: Uint8Array, offset: number): Peer | undefined {
    return this.#cache6.get(bytes, offset) ?? this.#cache6.put(bytes, offset, this.#trie6.lookup(bytes, offset, 128));
  }

  #trieToChange({ bytes }: Cidr): PrefixTrie<Peer> {
    const isV4 = bytes.length === 4;
    (isV4 ? this.#cache4 : this.#cache6).clear();
    return isV4 ? this.#trie4 : this.#trie6;
  }
}
