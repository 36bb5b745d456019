import { PacketMemory } from '@wirepath/linux';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choosePacketCipher } from '../../src/crypto/choose-packet-cipher.js';
import { ALIGNMENTS, KnownAnswers } from '../../src/crypto/known-answers.js';
import {
  CIPHER_MARGIN_BYTES,
  PACKET_CIPHERS,
  TAG_BYTES,
  type PacketCipher,
  type PacketCipherName,
} from '../../src/crypto/packet-cipher.js';

const LONGEST = 65_000;
const memory = new PacketMemory(1 << 20);
const answers = new KnownAnswers(memory, 1500);
const longAnswers = new KnownAnswers(memory, LONGEST);
const source = memory.reserve(LONGEST) + CIPHER_MARGIN_BYTES;
const target = memory.reserve(LONGEST) + CIPHER_MARGIN_BYTES;

const ciphers = PACKET_CIPHERS.map(cipherHere).filter((cipher) => cipher !== undefined);

function cipherHere(name: PacketCipherName): PacketCipher | undefined {
  try {
    return choosePacketCipher(memory, name).cipher;
  } catch (error) {
    console.log(`tests of the packet cipher ${name} are skipped: ${String(error)}`);
    return undefined;
  }
}

const upTo = (last: number, first = 0) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const packet = () => ({
  key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  high: fc.nat({ max: 0xffff_ffff }),
  low: fc.nat({ max: 0xffff_ffff }),
  plaintext: fc.uint8Array({ maxLength: 2000 }),
});

/** Returns the sealed packet, which lies at `target` then. */
function seal(cipher: PacketCipher, key: Uint8Array, high: number, low: number, plaintext: Uint8Array): Uint8Array {
  const sealing = cipher.key(key);
  memory.bytes.set(plaintext, source);
  sealing.seal(high, low, source, plaintext.length, target);
  sealing.destroy();
  return memory.bytes.slice(target, target + plaintext.length + TAG_BYTES);
}

/** Returns the plaintext, or undefined where the packet is refused. */
function open(cipher: PacketCipher, key: Uint8Array, high: number, low: number, sealed: Uint8Array) {
  const opening = cipher.key(key);
  const length = sealed.length - TAG_BYTES;
  memory.bytes.set(sealed, source);
  const fits = opening.open(high, low, source, length, target);
  opening.destroy();
  return fits ? memory.bytes.slice(target, target + length) : undefined;
}

describe.each(ciphers)('packet cipher $name', (cipher) => {
  it('seals and opens every length of small and full packets, at every alignment, within its margins', () => {
    const key = answers.keyOf(cipher);
    for (const length of [...upTo(300), ...upTo(1500, 1400)]) {
      for (const alignment of upTo(ALIGNMENTS - 1)) {
        // Over the lengths every pair of alignments comes.
        const other = (alignment * 3 + length * 5) % ALIGNMENTS;
        expect(answers.failureAt(key, length, alignment, other, [])).toBeUndefined();
      }
    }
  });

  it('seals and opens the longest packets', () => {
    const key = longAnswers.keyOf(cipher);
    expect(longAnswers.failureAt(key, LONGEST, 0, 0, [7, LONGEST])).toBeUndefined();
    expect(longAnswers.failureAt(key, LONGEST - 1, 3, 9, [7, LONGEST])).toBeUndefined();
  });

  it('refuses a packet with any damaged byte, of the ciphertext or the tag', () => {
    const key = answers.keyOf(cipher);
    for (const length of [0, 1, 15, 16, 17, 64, 129, 300]) {
      for (const alignment of [0, 1, 8]) {
        const everyByte = upTo(length + TAG_BYTES - 1);
        expect(answers.failureAt(key, length, alignment, alignment, everyByte)).toBeUndefined();
      }
    }
  });

  it('ciphertext of RFC 8439 appendix A.5', () => {
    const key = Buffer.from('1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0', 'hex');
    const sealed = seal(cipher, key, 0x08070605, 0x04030201, Buffer.from(RFC_8439_A5.plaintext));
    expect(Buffer.from(sealed.subarray(0, -TAG_BYTES)).toString('hex')).toBe(RFC_8439_A5.ciphertext);
  });

  it('opens what any other seals, and only under that key and counter', () => {
    fc.assert(
      fc.property(fc.record(packet()), fc.constantFrom(...ciphers), ({ key, high, low, plaintext }, other) => {
        const sealed = seal(other, key, high, low, plaintext);
        expect(open(cipher, key, high, low, sealed)).toEqual(plaintext);
        expect(open(cipher, key, high, (low ^ 0x8000_0000) >>> 0, sealed)).toBeUndefined();
        expect(open(cipher, key, (high ^ 1) >>> 0, low, sealed)).toBeUndefined();
        const otherKey = key.map((byte) => byte ^ 1);
        expect(open(cipher, otherKey, high, low, sealed)).toBeUndefined();
      }),
    );
  });

  it('keeps keys apart that take turns, in both directions', () => {
    const bytes = upTo(3).map((i) => new Uint8Array(32).fill(i + 1));
    const alone = bytes.map((key, i) => seal(cipher, key, 0, i, Buffer.from('a packet')));
    const keys = bytes.map((key) => cipher.key(key));
    for (let round = 0; round < 3; round += 1) {
      for (const [i, key] of keys.entries()) {
        memory.bytes.set(Buffer.from('a packet'), source);
        key.seal(0, i, source, 8, target);
        expect(memory.bytes.slice(target, target + 8 + TAG_BYTES)).toEqual(alone[i]);
        for (const [j, opening] of keys.entries()) {
          memory.bytes.set(alone[i] ?? new Uint8Array(), source);
          expect(opening.open(0, i, source, 8, target)).toBe(i === j);
        }
      }
    }
    // One that is forgotten takes no other with it.
    keys[0]?.destroy();
    memory.bytes.set(Buffer.from('a packet'), source);
    keys[1]?.seal(0, 1, source, 8, target);
    expect(memory.bytes.slice(target, target + 8 + TAG_BYTES)).toEqual(alone[1]);
  });

  it('copies the key, and leaves it nowhere in the memory once it is forgotten', () => {
    const bytes = new Uint8Array(32).map((_, i) => 0xc0 ^ (i * 29));
    const copy = Uint8Array.from(bytes);
    const key = cipher.key(bytes);
    bytes.fill(0);
    key.seal(0, 0, source, 100, target);
    const sealed = memory.bytes.slice(target, target + 100 + TAG_BYTES);
    memory.bytes.set(sealed, source);
    expect(key.open(0, 0, source, 100, target)).toBe(true);
    key.destroy();
    expect(Buffer.from(memory.bytes.buffer).includes(Buffer.from(copy))).toBe(false);
    memory.bytes.set(sealed, source);
    expect(open(cipher, copy, 0, 0, sealed)).toBeDefined();
  });

  it('keys come and go without end in the same memory', () => {
    const bytes = new Uint8Array(32).fill(7);
    const rekey = (times: number) => {
      for (let i = 0; i < times; i += 1) {
        const key = cipher.key(bytes);
        key.seal(0, i, source, 16, target);
        memory.bytes.copyWithin(source, target, target + 16 + TAG_BYTES);
        if (!key.open(0, i, source, 16, target)) throw new Error('refused its own packet');
        key.destroy();
      }
    };
    rekey(20_000);
    if (cipher.name !== 'openssl' && cipher.name !== 'evp') return;
    const before = process.memoryUsage().rss;
    rekey(200_000);
    // A context of OpenSSL's for each would be a hundred megabytes.
    expect(process.memoryUsage().rss - before).toBeLessThan(30e6);
  }, 30_000);
});

const RFC_8439_A5 = {
  plaintext:
    'Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or obsoleted ' +
    'by other documents at any time. It is inappropriate to use Internet-Drafts as reference material or to cite them ' +
    'other than as /\u201cwork in progress./\u201d',
  ciphertext:
    '64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0' +
    'bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855' +
    '9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e9' +
    '9040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a' +
    '0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130' +
    '305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b',
};
