import { createCipheriv } from 'node:crypto';
import type { PacketMemory } from '@wirepath/linux';
import { CIPHER_MARGIN_BYTES, TAG_BYTES, type PacketCipher, type PacketKey } from './packet-cipher.js';

/** Offsets of source and target, less than this, from a multiple of it. */
export const ALIGNMENTS = 16;

/** The longest packet of the quick test: a full data message on an MTU of 1,500, less its header. */
const LONGEST_BYTES = 1452;
/** Beyond the margins, where nothing may change. */
const GUARD_BYTES = 32;
const GUARD = 0xa5;

/** What lies in a room before a packet of alignment 0: a multiple of 16. */
const BEFORE_BYTES = GUARD_BYTES + CIPHER_MARGIN_BYTES;

/**
 * Where SIMD code changes its way, at multiples of Poly1305's 16 and ChaCha20's 64 bytes, and a byte to both sides; then what
 * full packets have.
 */
const LENGTHS = [
  ...[
    0, 1, 15, 16, 17, 31, 33, 48, 63, 64, 65, 79, 80, 95, 96, 112, 127, 128, 129, 144, 160, 191, 192, 193, 207, 208,
    255,
  ],
  ...[
    256, 257, 300, 319, 320, 321, 384, 447, 448, 511, 512, 513, 576, 640, 704, 768, 1023, 1024, 1025, 1280, 1408, 1420,
  ],
  ...[1440, LONGEST_BYTES],
];

/**
 * RFC 8439 appendix A.5, whose nonce is of WireGuard's form. The tag is that of the ciphertext alone, on which libsodium and
 * OpenSSL agree; the published one covers associated data, which data messages have none of.
 */
const PUBLISHED = {
  key: hex('1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0'),
  counterHigh: 0x08070605,
  counterLow: 0x04030201,
  plaintext: Buffer.from(
    'Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or obsoleted ' +
      'by other documents at any time. It is inappropriate to use Internet-Drafts as reference material or to cite them ' +
      'other than as /\u201cwork in progress./\u201d',
  ),
  tag: hex('6e3570b1acaaf1f24f2a644f01acd12b'),
};

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
/** The high bit of both halves is set: what takes them for signed numbers shows it. */
const COUNTER_HIGH = 0x8746_4544;
const COUNTER_LOW = 0xc342_4140;

/** What a cipher must answer before it is trusted with a packet, over many lengths and alignments, in the memory it is to work on. */
export class KnownAnswers {
  readonly #bytes: Uint8Array;
  readonly #roomBytes: number;
  readonly #sourceRoom: number;
  readonly #targetRoom: number;
  readonly #plaintext: Uint8Array;
  readonly #guard: Uint8Array;

  /**
   * @param longestBytes of the packets that will be tried. About twice as much of the memory is taken, for good.
   * @throws RangeError where so much is not left.
   */
  constructor(memory: PacketMemory, longestBytes: number = LONGEST_BYTES) {
    this.#bytes = memory.bytes;
    this.#roomBytes = BEFORE_BYTES + ALIGNMENTS + longestBytes + CIPHER_MARGIN_BYTES + GUARD_BYTES;
    this.#guard = new Uint8Array(this.#roomBytes).fill(GUARD);
    this.#sourceRoom = memory.reserve(this.#roomBytes);
    this.#targetRoom = memory.reserve(this.#roomBytes);
    this.#plaintext = Uint8Array.from({ length: longestBytes }, (_, i) => i * 7 + (i >>> 8));
  }

  /** A few milliseconds. @returns what the cipher answers wrongly, or undefined. */
  firstFailure(cipher: PacketCipher): string | undefined {
    const published = this.#publishedFailure(cipher);
    if (published !== undefined) return published;
    const key = cipher.key(KEY);
    try {
      for (const [i, length] of LENGTHS.entries()) {
        // Neither 5 nor 11 shares a factor with 16: every alignment comes, in changing company.
        const failure = this.failureAt(key, length, (i * 5) % ALIGNMENTS, (i * 11) % ALIGNMENTS, [i, length >>> 1]);
        if (failure !== undefined) return failure;
      }
      return undefined;
    } finally {
      key.destroy();
    }
  }

  /**
   * One length at one pair of alignments: sealed as node:crypto seals it, opened again, refused where it is damaged, and nothing
   * touched beyond the margins.
   * @param key of {@link keyOf}.
   * @param damages which bytes of the sealed packet to damage, one at a time; counted modulo its length.
   */
  failureAt(
    key: PacketKey,
    length: number,
    sourceAlignment: number,
    targetAlignment: number,
    damages: Iterable<number>,
  ): string | undefined {
    const source = this.#sourceRoom + BEFORE_BYTES + sourceAlignment;
    const target = this.#targetRoom + BEFORE_BYTES + targetAlignment;
    const bytes = this.#bytes;
    const plaintext = this.#plaintext.subarray(0, length);
    const sealed = referenceSealed(plaintext);
    const about = `${length} bytes at ${sourceAlignment} to ${targetAlignment}`;

    this.#fill(plaintext, source);
    key.seal(COUNTER_HIGH, COUNTER_LOW, source, length, target);
    if (!equal(bytes.subarray(target, target + sealed.length), sealed)) return `sealing ${about}`;
    if (this.#spilled(plaintext, source, length, target)) return `sealing ${about}: bytes beyond the margins`;

    this.#fill(sealed, source);
    if (!key.open(COUNTER_HIGH, COUNTER_LOW, source, length, target)) return `opening ${about}`;
    if (!equal(bytes.subarray(target, target + length), plaintext)) return `opening ${about}`;
    if (this.#spilled(sealed, source, length, target)) return `opening ${about}: bytes beyond the margins`;

    for (const damage of damages) {
      const at = source + (damage % sealed.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (damage & 7));
      if (key.open(COUNTER_HIGH, COUNTER_LOW, source, length, target)) return `refusing ${about}`;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (damage & 7));
    }
    return undefined;
  }

  /** The key that node:crypto's answers are made with. */
  keyOf(cipher: PacketCipher): PacketKey {
    return cipher.key(KEY);
  }

  #publishedFailure(cipher: PacketCipher): string | undefined {
    const { counterHigh, counterLow, plaintext, tag } = PUBLISHED;
    const source = this.#sourceRoom + BEFORE_BYTES;
    const target = this.#targetRoom + BEFORE_BYTES;
    const key = cipher.key(PUBLISHED.key);
    this.#bytes.set(plaintext, source);
    key.seal(counterHigh, counterLow, source, plaintext.length, target);
    key.destroy();
    const end = target + plaintext.length;
    return equal(this.#bytes.subarray(end, end + TAG_BYTES), tag) ? undefined : 'RFC 8439 appendix A.5';
  }

  #fill(packet: Uint8Array, source: number): void {
    this.#bytes.fill(GUARD, this.#sourceRoom, this.#sourceRoom + this.#roomBytes);
    this.#bytes.fill(GUARD, this.#targetRoom, this.#targetRoom + this.#roomBytes);
    this.#bytes.set(packet, source);
  }

  #spilled(packet: Uint8Array, source: number, length: number, target: number): boolean {
    const behindSource = source + packet.length;
    return !(
      equal(this.#bytes.subarray(source, behindSource), packet) &&
      this.#isGuard(this.#sourceRoom, source - CIPHER_MARGIN_BYTES) &&
      this.#isGuard(behindSource, this.#sourceRoom + this.#roomBytes) &&
      this.#isGuard(this.#targetRoom, target - CIPHER_MARGIN_BYTES) &&
      this.#isGuard(target + length + CIPHER_MARGIN_BYTES, this.#targetRoom + this.#roomBytes)
    );
  }

  #isGuard(from: number, to: number): boolean {
    return equal(this.#bytes.subarray(from, to), this.#guard.subarray(0, to - from));
  }
}

function referenceSealed(plaintext: Uint8Array): Uint8Array {
  const nonce = new DataView(new ArrayBuffer(12));
  nonce.setUint32(4, COUNTER_LOW, true);
  nonce.setUint32(8, COUNTER_HIGH, true);
  const cipher = createCipheriv('chacha20-poly1305', KEY, nonce, { authTagLength: TAG_BYTES });
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([ciphertext, cipher.getAuthTag()]);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
