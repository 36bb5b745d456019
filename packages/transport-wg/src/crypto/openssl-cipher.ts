import { processFunctions, type CFunction, type CType, type PacketMemory } from '@wirepath/linux';
import type { PacketCipher, PacketKey } from './packet-cipher.js';

/** The block that makes the one-time key of Poly1305 (RFC 8439 section 2.6); the packet follows it in one stream. */
const BLOCK_BYTES = 64;
/** Where the parts of the scratch begin; the context, whose size OpenSSL tells, is last. */
const COUNTER = 32;
const TAG = 48;
const CONTEXT = 64;

/**
 * The versions whose signatures these are. Another one is refused untried: with other signatures the process would end in the
 * middle of the known answers.
 */
const KNOWN_VERSION = /^(1\.1\.1|3\.)/;

interface Primitives {
  /** (out, in, bytes, key, counter): key and counter are words of 32 bits, the first of the counter that of the block. */
  readonly chaCha20: CFunction;
  readonly contextBytes: number;
  readonly init: CFunction;
  readonly update: CFunction;
  readonly final: CFunction;
}

/**
 * OpenSSL's primitives out of the node binary, which exports them though no header names them. Without EVP's contexts and checks
 * a full packet takes five calls and half of the time.
 * @throws Error where they cannot be had, with the reason.
 */
export function opensslCipher(memory: PacketMemory): PacketCipher {
  const primitives = bindPrimitives();
  const scratch = new Scratch(memory, primitives);
  return { name: 'openssl', key: (bytes) => new OpensslKey(scratch, bytes) };
}

function bindPrimitives(): Primitives {
  const version = process.versions['openssl'] ?? 'none';
  if (!KNOWN_VERSION.test(version)) throw new Error(`an OpenSSL that nobody has tried yet: ${version}`);
  const find = processFunctions();
  const bind = (name: string, result: CType, ...args: CType[]): CFunction => {
    const found = find(name, result, args);
    if (found === undefined) throw new Error(`this node binary does not export ${name}`);
    return found;
  };
  return {
    chaCha20: bind('ChaCha20_ctr32', 'void', 'uint64', 'uint64', 'uint64', 'uint64', 'uint64'),
    contextBytes: bind('Poly1305_ctx_size', 'uint64')(),
    init: bind('Poly1305_Init', 'void', 'uint64', 'uint64'),
    update: bind('Poly1305_Update', 'void', 'uint64', 'uint64', 'uint64'),
    final: bind('Poly1305_Final', 'void', 'uint64', 'uint64'),
  };
}

/** What all keys of a memory share: they work one after another. */
class Scratch {
  readonly chaCha20: CFunction;
  readonly init: CFunction;
  readonly update: CFunction;
  readonly final: CFunction;
  readonly view: DataView;
  readonly u32: Uint32Array;
  readonly base: number;
  /** Index of its first word: of the key. */
  readonly words: number;
  readonly keyAddress: number;
  readonly counterAddress: number;
  readonly tagAddress: number;
  readonly contextAddress: number;
  /** Whose words lie in the scratch. */
  holder: OpensslKey | undefined;

  constructor(memory: PacketMemory, { chaCha20, contextBytes, init, update, final }: Primitives) {
    const offset = memory.reserve(CONTEXT + contextBytes);
    this.chaCha20 = chaCha20;
    this.init = init;
    this.update = update;
    this.final = final;
    this.view = memory.view;
    this.u32 = memory.u32;
    this.base = memory.address;
    this.words = offset >>> 2;
    const at = memory.address + offset;
    this.keyAddress = at;
    this.counterAddress = at + COUNTER;
    this.tagAddress = at + TAG;
    this.contextAddress = at + CONTEXT;
  }
}

class OpensslKey implements PacketKey {
  readonly #scratch: Scratch;
  readonly #key: Uint32Array;

  constructor(scratch: Scratch, bytes: Uint8Array) {
    this.#scratch = scratch;
    this.#key = new Uint32Array(Uint8Array.from(bytes).buffer);
  }

  seal(counterHigh: number, counterLow: number, source: number, length: number, target: number): void {
    const scratch = this.#scratch;
    this.#crypt(scratch, counterHigh, counterLow, source, length, target);
    this.#authenticate(scratch, target, length, scratch.base + target + length);
  }

  open(counterHigh: number, counterLow: number, source: number, length: number, target: number): boolean {
    const scratch = this.#scratch;
    this.#crypt(scratch, counterHigh, counterLow, source, length, target);
    // Padding and lengths lie behind the ciphertext for one call, over the tag and what follows it, which may be the next packet: a
    // second call for them would throw OpenSSL out of its SIMD registers, for a quarter of the time of a full packet.
    const { view, u32 } = scratch;
    const end = source + length;
    const tag0 = view.getInt32(end, true);
    const tag1 = view.getInt32(end + 4, true);
    const tag2 = view.getInt32(end + 8, true);
    const tag3 = view.getInt32(end + 12, true);
    const next0 = view.getInt32(end + 16, true);
    const next1 = view.getInt32(end + 20, true);
    const next2 = view.getInt32(end + 24, true);
    const next3 = view.getInt32(end + 28, true);
    this.#authenticate(scratch, source, length, scratch.tagAddress);
    view.setInt32(end, tag0, true);
    view.setInt32(end + 4, tag1, true);
    view.setInt32(end + 8, tag2, true);
    view.setInt32(end + 12, tag3, true);
    view.setInt32(end + 16, next0, true);
    view.setInt32(end + 20, next1, true);
    view.setInt32(end + 24, next2, true);
    view.setInt32(end + 28, next3, true);
    // All of it is looked at, whatever differs: how long this takes tells nothing.
    const tag = scratch.words + TAG / 4;
    const difference =
      ((u32[tag] ?? 0) ^ tag0) |
      ((u32[tag + 1] ?? 0) ^ tag1) |
      ((u32[tag + 2] ?? 0) ^ tag2) |
      ((u32[tag + 3] ?? 0) ^ tag3);
    return difference === 0;
  }

  destroy(): void {
    this.#key.fill(0);
    const { u32, words, holder } = this.#scratch;
    if (holder !== this) return;
    u32.fill(0, words, words + this.#key.length);
    this.#scratch.holder = undefined;
  }

  /** One call makes the block for Poly1305's key, which falls into the target's margin, and the packet behind it. */
  #crypt(scratch: Scratch, high: number, low: number, source: number, length: number, target: number): void {
    const { view, u32, base, words } = scratch;
    if (scratch.holder !== this) this.#hold(scratch);
    const counter = words + COUNTER / 4;
    u32[counter] = 0;
    u32[counter + 2] = low;
    u32[counter + 3] = high;
    const zeros = source - BLOCK_BYTES;
    view.setFloat64(zeros, 0, true);
    view.setFloat64(zeros + 8, 0, true);
    view.setFloat64(zeros + 16, 0, true);
    view.setFloat64(zeros + 24, 0, true);
    view.setFloat64(zeros + 32, 0, true);
    view.setFloat64(zeros + 40, 0, true);
    view.setFloat64(zeros + 48, 0, true);
    view.setFloat64(zeros + 56, 0, true);
    const block = base + target - BLOCK_BYTES;
    scratch.chaCha20(block, base + zeros, BLOCK_BYTES + length, scratch.keyAddress, scratch.counterAddress);
    scratch.init(scratch.contextAddress, block);
  }

  /** The tag of a ciphertext (RFC 8439 section 2.8), behind which padding and lengths are written: at most 31 bytes. */
  #authenticate(scratch: Scratch, ciphertext: number, length: number, tagAddress: number): void {
    const { view, contextAddress } = scratch;
    const end = ciphertext + length;
    view.setFloat64(end, 0, true);
    view.setFloat64(end + 8, 0, true);
    const lengths = end + (-length & 15);
    view.setFloat64(lengths, 0, true);
    view.setInt32(lengths + 8, length, true);
    view.setInt32(lengths + 12, 0, true);
    scratch.update(contextAddress, scratch.base + ciphertext, lengths + 16 - ciphertext);
    scratch.final(contextAddress, tagAddress);
  }

  #hold(scratch: Scratch): void {
    const key = this.#key;
    for (let i = 0; i < key.length; i += 1) scratch.u32[scratch.words + i] = key[i] ?? 0;
    scratch.u32[scratch.words + COUNTER / 4 + 1] = 0;
    scratch.holder = this;
  }
}
