import { processFunctions, type CFunction, type CType, type PacketMemory } from '@wirepath/linux';
import type { PacketCipher } from './packet-cipher.js';

/** The block that makes the one-time key of Poly1305 (RFC 8439 section 2.6); the packet follows it in one stream. */
const BLOCK_BYTES = 64;
/** Where the parts of the scratch begin; the context, whose size OpenSSL tells, is last. */
const COUNTER = 32;
const TAG = 48;
/** 16 zeros, and the lengths behind them. */
const TRAILER = 64;
const CONTEXT = 96;

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
  const { chaCha20, contextBytes, init, update, final } = bindPrimitives();
  const { bytes, i32, address: base } = memory;
  const scratch = memory.reserve(CONTEXT + contextBytes);
  const keyWord = scratch >>> 2;
  const counterWord = (scratch + COUNTER) >>> 2;
  const tagWord = (scratch + TAG) >>> 2;
  const trailerLengthWord = (scratch + TRAILER + 24) >>> 2;
  const keyAddress = base + scratch;
  const counterAddress = keyAddress + COUNTER;
  const tagAddress = keyAddress + TAG;
  const trailerAddress = keyAddress + TRAILER;
  const context = keyAddress + CONTEXT;
  /** Whose words lie in the scratch. */
  let held: Int32Array | undefined;

  const hold = (key: Int32Array) => {
    i32.set(key, keyWord);
    i32[counterWord + 1] = 0;
    held = key;
  };

  /** One call makes the block for Poly1305's key, which falls into the target's margin, and the packet behind it. */
  const crypt = (key: Int32Array, high: number, low: number, source: number, length: number, target: number) => {
    if (held !== key) hold(key);
    i32[counterWord] = 0;
    i32[counterWord + 2] = low;
    i32[counterWord + 3] = high;
    const zeros = source - BLOCK_BYTES;
    if ((zeros & 3) === 0) for (let at = zeros >>> 2, end = source >>> 2; at < end; at++) i32[at] = 0;
    else bytes.fill(0, zeros, source);
    const block = base + target - BLOCK_BYTES;
    chaCha20(block, base + zeros, BLOCK_BYTES + length, keyAddress, counterAddress);
    init(context, block);
  };

  /**
   * The tag of a ciphertext (RFC 8439 section 2.8), behind which padding and lengths are written: at most 31 bytes. Both numbers are
   * multiples of 4, as those of nearly all packets are.
   */
  const authenticate = (ciphertext: number, length: number, to: number) => {
    const end = (ciphertext + length) >>> 2;
    i32[end] = 0;
    i32[end + 1] = 0;
    i32[end + 2] = 0;
    const lengths = (ciphertext + length + (-length & 15)) >>> 2;
    i32[lengths] = 0;
    i32[lengths + 1] = 0;
    i32[lengths + 2] = length;
    i32[lengths + 3] = 0;
    update(context, base + ciphertext, (lengths << 2) + 16 - ciphertext);
    final(context, to);
  };

  /** The same wherever the ciphertext lies, which is left as it is. */
  const authenticateApart = (ciphertext: number, length: number, to: number) => {
    const padding = -length & 15;
    i32[trailerLengthWord] = length;
    update(context, base + ciphertext, length);
    update(context, trailerAddress + 16 - padding, padding + 16);
    final(context, to);
  };

  const isIntactApart = (source: number, length: number) => {
    authenticateApart(source, length, tagAddress);
    let difference = 0;
    for (let i = 0; i < 16; i++) difference |= (bytes[4 * tagWord + i] ?? 0) ^ (bytes[source + length + i] ?? 0);
    return difference === 0;
  };

  /**
   * Padding and lengths lie behind the ciphertext for one call, over the tag and what follows it, which may be the next packet: a
   * second call for them would throw OpenSSL out of its SIMD registers, for a quarter of the time of a full packet.
   */
  const isIntact = (source: number, length: number) => {
    const end = (source + length) >>> 2;
    const tag0 = i32[end] ?? 0;
    const tag1 = i32[end + 1] ?? 0;
    const tag2 = i32[end + 2] ?? 0;
    const tag3 = i32[end + 3] ?? 0;
    const next0 = i32[end + 4] ?? 0;
    const next1 = i32[end + 5] ?? 0;
    const next2 = i32[end + 6] ?? 0;
    const next3 = i32[end + 7] ?? 0;
    authenticate(source, length, tagAddress);
    i32[end] = tag0;
    i32[end + 1] = tag1;
    i32[end + 2] = tag2;
    i32[end + 3] = tag3;
    i32[end + 4] = next0;
    i32[end + 5] = next1;
    i32[end + 6] = next2;
    i32[end + 7] = next3;
    // All of it is looked at, whatever differs: how long this takes tells nothing.
    const difference =
      ((i32[tagWord] ?? 0) ^ tag0) |
      ((i32[tagWord + 1] ?? 0) ^ tag1) |
      ((i32[tagWord + 2] ?? 0) ^ tag2) |
      ((i32[tagWord + 3] ?? 0) ^ tag3);
    return difference === 0;
  };

  return {
    name: 'openssl',
    key(keyBytes) {
      const key = new Int32Array(Uint8Array.from(keyBytes).buffer);
      return {
        seal(high, low, source, length, target) {
          crypt(key, high, low, source, length, target);
          if (((target | length) & 3) === 0) authenticate(target, length, base + target + length);
          else authenticateApart(target, length, base + target + length);
        },
        open(high, low, source, length, target) {
          crypt(key, high, low, source, length, target);
          return ((source | length) & 3) === 0 ? isIntact(source, length) : isIntactApart(source, length);
        },
        destroy() {
          key.fill(0);
          if (held !== key) return;
          i32.fill(0, keyWord, keyWord + key.length);
          held = undefined;
        },
      };
    },
  };
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
