import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../src/base/identity/create-identity.js';
import { formatKey, generatePrivateKey, parsePrivateKey, parsePublicKey } from '../../../src/base/identity/keys.js';

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

/** RFC 7748 section 6.1. */
const ALICE_PRIVATE = hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
const ALICE_PUBLIC = hex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
const BOB_PUBLIC = hex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
const SHARED = hex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742');

describe('createIdentity', () => {
  it('computes what RFC 7748 section 6.1 does', () => {
    const alice = createIdentity(ALICE_PRIVATE);
    expect(alice.publicKey).toBe(formatKey(ALICE_PUBLIC));
    expect(alice.agree(BOB_PUBLIC)).toEqual(SHARED);
  });

  it('agrees on nothing with a key of small order or another length', () => {
    const alice = createIdentity(ALICE_PRIVATE);
    expect(alice.agree(new Uint8Array(32))).toBeUndefined();
    expect(alice.agree(new Uint8Array(32).fill(1, 0, 1))).toBeUndefined();
    expect(alice.agree(new Uint8Array(31))).toBeUndefined();
    expect(alice.agree(new Uint8Array(0))).toBeUndefined();
  });

  it('is agreed on from both sides, with any key', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (a, b) => {
          const [first, second] = [createIdentity(a), createIdentity(b)];
          const shared = first.agree(parsePublicKey(second.publicKey));
          expect(shared).toBeDefined();
          expect(second.agree(parsePublicKey(first.publicKey))).toEqual(shared);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('keeps a copy of the key and hands out copies', () => {
    const key = Uint8Array.from(ALICE_PRIVATE);
    const alice = createIdentity(key);
    key.fill(0);
    alice.exportPrivateKey().fill(0);
    expect(alice.exportPrivateKey()).toEqual(ALICE_PRIVATE);
  });

  it('shows no private key where it is printed', () => {
    expect(JSON.stringify(createIdentity(ALICE_PRIVATE))).toBe(JSON.stringify({ publicKey: formatKey(ALICE_PUBLIC) }));
  });

  it('takes 32 bytes only', () => {
    expect(() => createIdentity(new Uint8Array(31))).toThrow(expect.objectContaining({ code: 'INVALID_KEY' }));
  });
});

describe('keys', () => {
  it('are 44 characters of strict base64', () => {
    const text = formatKey(ALICE_PRIVATE);
    expect(parsePrivateKey(text)).toEqual(ALICE_PRIVATE);
    for (const wrong of [
      '',
      `${text}\n`,
      text.slice(1),
      text.replace('=', ''),
      `${text}=`,
      `${text.slice(0, 42)}l=`,
      text.replaceAll(/[A-Z]/g, '-'),
    ]) {
      expect(() => parsePrivateKey(wrong)).toThrow(expect.objectContaining({ code: 'INVALID_KEY' }));
      expect(() => parsePublicKey(wrong)).toThrow(expect.objectContaining({ code: 'INVALID_KEY' }));
    }
  });

  it('stay out of the message that refuses them', () => {
    const wrong = `${formatKey(ALICE_PRIVATE)} `;
    for (const parse of [parsePrivateKey, parsePublicKey]) {
      expect(() => parse(wrong)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining(wrong.slice(0, 8)) }),
      );
    }
  });

  it('survive the way to text and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        expect(parsePrivateKey(formatKey(key))).toEqual(key);
      }),
    );
  });

  it('are clamped when made, as by wg genkey', () => {
    for (let round = 0; round < 50; round++) {
      const key = generatePrivateKey();
      expect([key.length, key[0]! & 7, key[31]! & 0xc0]).toEqual([32, 0, 64]);
    }
  });
});
