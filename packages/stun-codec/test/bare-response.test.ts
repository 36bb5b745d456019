import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeStunMessage, encodeBareResponse, encodeStunMessage, transportAddress } from '../src/index.js';

const transactionId = Buffer.from('abcdefghijkl');
const four = transportAddress('192.0.2.1', 1234);
const six = transportAddress('2001:db8:7::9', 65_535);

describe('a response by hand', () => {
  it.each([
    ['Binding', { method: 'binding', mappedAddress: four }],
    ['Binding, IPv6', { method: 'binding', mappedAddress: six }],
    ['with FINGERPRINT', { method: 'binding', mappedAddress: four, fingerprint: true }],
    ['of RFC 5780', { method: 'binding', mappedAddress: four, responseOrigin: six, otherAddress: four }],
  ] as const)('is what the encoder makes: %s', (_what, fields) => {
    const { method, mappedAddress, ...rest } = fields;
    const encoded = encodeStunMessage({ class: 'success', method, transactionId, mappedAddress, ...rest });
    expect(encodeBareResponse({ ...fields, transactionId })).toEqual(encoded);
  });

  it('is read back: a challenge, and an error', () => {
    const challenge = decodeStunMessage(
      encodeBareResponse({
        method: 'allocate',
        transactionId,
        errorCode: 401,
        realm: 'läb',
        nonce: 'abc',
        fingerprint: true,
      }),
    );
    expect(challenge).toMatchObject({
      class: 'error',
      method: 'allocate',
      errorCode: { code: 401, reason: '' },
      realm: 'läb',
      nonce: 'abc',
      hasIntegrity: false,
    });
    expect(challenge?.verifyFingerprint()).toBe(true);
    const error = encodeBareResponse({
      method: 'binding',
      transactionId,
      errorCode: 420,
      unknownAttributes: [3, 0x7abc],
    });
    expect(decodeStunMessage(error)).toMatchObject({ errorCode: { code: 420 }, unknownAttributes: [3, 0x7abc] });
  });

  it('is let in by the decoder whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 60 }),
        fc.integer({ min: 300, max: 699 }),
        fc.boolean(),
        (text, code, fingerprint) => {
          const bytes = encodeBareResponse({
            method: 9,
            transactionId,
            errorCode: code,
            realm: text,
            nonce: text,
            fingerprint,
          });
          expect(decodeStunMessage(bytes)?.errorCode?.code).toBe(code);
          expect(decodeStunMessage(bytes)?.nonce).toBe(text);
        },
      ),
    );
  });

  it('wants a transaction id', () => {
    expect(() => encodeBareResponse({ method: 'binding', transactionId: Buffer.alloc(11) })).toThrow(RangeError);
  });
});
