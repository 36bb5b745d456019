import { randomFillSync } from 'node:crypto';
import type { PacketMemory } from '../memory/packet-memory.js';
import { socketAddressOf, type SocketAddress } from './socket-address.js';

/** Sources that are remembered: the last so many, and as many of before. */
const SOURCES_MAX = 2048;
/** Two for each word of the longest address. */
const FACTORS = randomFillSync(new Int32Array(14)).map((factor) => factor | 1);

interface Entry<Source> {
  readonly words: Uint32Array;
  readonly source: Source;
  /** Another one of the same hash. */
  readonly next: Entry<Source> | undefined;
}

/**
 * What stands for each source of datagrams, found by its address as the kernel wrote it. Spoofed sources neither grow this nor drive
 * out those that are heard between them.
 */
export class SourceTable<Source> {
  readonly #u32: Uint32Array;
  readonly #make: (address: SocketAddress) => Source | undefined;
  readonly #nameOf: (index: number) => string | undefined;
  #entries = new Map<number, Entry<Source>>();
  #older = new Map<number, Entry<Source>>();
  #count = 0;
  #last: Entry<Source> | undefined;

  constructor(
    memory: PacketMemory,
    make: (address: SocketAddress) => Source | undefined,
    nameOf: (index: number) => string | undefined,
  ) {
    this.#u32 = memory.u32;
    this.#make = make;
    this.#nameOf = nameOf;
  }

  /** @param at index of the first word of a socket address. @param count its words: 4 or 7. */
  find(at: number, count: number): Source | undefined {
    const last = this.#last;
    if (last !== undefined && this.#isAt(last.words, at, count)) return last.source;
    const hash = this.#hash(at, count);
    let entry = this.#inChain(this.#entries.get(hash), at, count);
    if (entry === undefined) {
      entry = this.#inChain(this.#older.get(hash), at, count);
      const words = entry?.words ?? this.#u32.slice(at, at + count);
      const source = entry?.source ?? this.#make(socketAddressOf(words, this.#nameOf));
      if (source === undefined) return undefined;
      entry = this.#remember(hash, words, source);
    }
    this.#last = entry;
    return entry.source;
  }

  #inChain(entry: Entry<Source> | undefined, at: number, count: number): Entry<Source> | undefined {
    for (let one = entry; one !== undefined; one = one.next) if (this.#isAt(one.words, at, count)) return one;
    return undefined;
  }

  #remember(hash: number, words: Uint32Array, source: Source): Entry<Source> {
    if (this.#count >= SOURCES_MAX) {
      this.#older = this.#entries;
      this.#entries = new Map();
      this.#count = 0;
    }
    this.#count++;
    const entry = { words, source, next: this.#entries.get(hash) };
    this.#entries.set(hash, entry);
    return entry;
  }

  /** The flow label (word 1 of IPv6) is not a part of the address. */
  #isAt(words: Uint32Array, at: number, count: number): boolean {
    if (words.length !== count) return false;
    const u32 = this.#u32;
    if (words[0] !== u32[at]) return false;
    if (count === 4) return words[1] === u32[at + 1];
    for (let i = 2; i < 7; i++) if (words[i] !== u32[at + i]) return false;
    return true;
  }

  /** Multiply-shift with secret factors: whoever chooses the addresses cannot choose the chains that they make. */
  #hash(at: number, count: number): number {
    const u32 = this.#u32;
    let hash = 0;
    for (let i = 0; i < count; i++) {
      const word = i === 1 && count === 7 ? 0 : (u32[at + i] ?? 0);
      hash += Math.imul(word & 0xffff, FACTORS[2 * i] ?? 0) + Math.imul(word >>> 16, FACTORS[2 * i + 1] ?? 0);
    }
    return hash | 0;
  }
}
