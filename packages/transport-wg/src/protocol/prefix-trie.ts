import type { Cidr } from '@wirepath/core/plugin';

/** What the trie goes by. */
type Prefix = Pick<Cidr, 'bytes' | 'prefix'>;

/** A prefix, with a value unless it is only where two longer ones part. */
interface TrieNode<Value> {
  readonly bytes: Uint8Array;
  readonly length: number;
  value: Value | undefined;
  zero: TrieNode<Value> | undefined;
  one: TrieNode<Value> | undefined;
}

/**
 * A path-compressed binary trie of prefixes of one address family. Every question takes as many steps as an address has
 * bits, at most.
 */
export class PrefixTrie<Value> {
  #root: TrieNode<Value> | undefined;

  lookup(bytes: Uint8Array, offset: number, addressBits: number): Value | undefined {
    let found: Value | undefined;
    let node = this.#root;
    while (node !== undefined && commonBits(node.bytes, bytes, offset) >= node.length) {
      found = node.value ?? found;
      if (node.length === addressBits) break;
      node = bitAt(bytes, offset, node.length) === 0 ? node.zero : node.one;
    }
    return found;
  }

  /** The values of all prefixes that hold the address, the shortest first. */
  covering(address: Uint8Array): Value[] {
    const found: Value[] = [];
    let node = this.#root;
    while (node !== undefined && commonBits(node.bytes, address, 0) >= node.length) {
      if (node.value !== undefined) found.push(node.value);
      if (node.length === address.length * 8) break;
      node = bitAt(address, 0, node.length) === 0 ? node.zero : node.one;
    }
    return found;
  }

  /** Whether any prefix lies in this one, or is it. */
  hasWithin({ bytes, prefix: length }: Prefix): boolean {
    let node = this.#root;
    while (node !== undefined) {
      const common = commonBits(node.bytes, bytes, 0);
      // Nodes without a value have two below that do have one.
      if (node.length >= length) return common >= length;
      if (common < node.length) return false;
      node = bitAt(bytes, 0, node.length) === 0 ? node.zero : node.one;
    }
    return false;
  }

  /** @returns the value that the prefix had before, if another. */
  insert({ bytes, prefix: length }: Prefix, value: Value): Value | undefined {
    const node = this.#nodeFor(bytes, length);
    const before = node.value;
    node.value = value;
    return before === value ? undefined : before;
  }

  remove(prefix: Prefix): void {
    this.#root = without(this.#root, prefix);
  }

  /** Finds the prefix's node, or makes it, with a node above where it parts from another prefix. */
  #nodeFor(bytes: Uint8Array, length: number): TrieNode<Value> {
    let parent: TrieNode<Value> | undefined;
    let node = this.#root;
    const attach = (child: TrieNode<Value>) => {
      if (parent === undefined) this.#root = child;
      else setChild(parent, child);
    };
    while (node !== undefined) {
      const common = Math.min(commonBits(node.bytes, bytes, 0), node.length, length);
      if (common === node.length && common === length) return node;
      if (common < node.length) {
        const made = makeNode<Value>(bytes, length);
        if (common === length) {
          setChild(made, node);
          attach(made);
        } else {
          const fork = makeNode<Value>(bytes, common);
          setChild(fork, node);
          setChild(fork, made);
          attach(fork);
        }
        return made;
      }
      parent = node;
      node = bitAt(bytes, 0, node.length) === 0 ? node.zero : node.one;
    }
    const made = makeNode<Value>(bytes, length);
    attach(made);
    return made;
  }
}

function makeNode<Value>(bytes: Uint8Array, length: number): TrieNode<Value> {
  return { bytes, length, value: undefined, zero: undefined, one: undefined };
}

function setChild<Value>(parent: TrieNode<Value>, child: TrieNode<Value>): void {
  if (bitAt(child.bytes, 0, parent.length) === 0) parent.zero = child;
  else parent.one = child;
}

/** The subtree without the prefix's value and without nodes that this leaves pointless. */
function without<Value>(node: TrieNode<Value> | undefined, prefix: Prefix): TrieNode<Value> | undefined {
  const { bytes, prefix: length } = prefix;
  if (node === undefined || commonBits(node.bytes, bytes, 0) < Math.min(node.length, length)) return node;
  if (node.length > length) return node;
  if (node.length === length) node.value = undefined;
  else if (bitAt(bytes, 0, node.length) === 0) node.zero = without(node.zero, prefix);
  else node.one = without(node.one, prefix);
  if (node.value !== undefined || (node.zero !== undefined && node.one !== undefined)) return node;
  return node.zero ?? node.one;
}

/** How many leading bits `bytes` shares with the address at `offset` of `other`. */
function commonBits(bytes: Uint8Array, other: Uint8Array, offset: number): number {
  for (let i = 0; i < bytes.length; i++) {
    const difference = (bytes[i] ?? 0) ^ (other[offset + i] ?? 0);
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return bytes.length * 8;
}

function bitAt(bytes: Uint8Array, offset: number, bit: number): number {
  return ((bytes[offset + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1;
}
