import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attributeType,
  decodeStunMessage,
  encodeStunMessage,
  isStunMessage,
  MAX_ATTRIBUTES,
  transportAddress,
} from '@wirepath/stun-codec';
import { anyMessage, attributeNames } from './arbitraries.js';
import { rawAttribute, rawMessage } from './raw-message.js';

const bindingRequest = 0x0001;
const software = rawAttribute(attributeType.software, 'x');

/** Reads everything there is to read; a decoder that is lazy could still throw here. */
function readAll(bytes: Uint8Array): void {
  const message = decodeStunMessage(bytes);
  if (!message) return;
  for (const name of attributeNames) void message[name];
  expect(message.unknownRequired.length).toBeLessThanOrEqual(MAX_ATTRIBUTES);
  expect(message.peerAddresses.length).toBeLessThanOrEqual(MAX_ATTRIBUTES);
  message.verifyIntegrity(Buffer.from('key'));
  message.verifyFingerprint();
}

describe('demultiplexing a shared socket', () => {
  it('takes the shortest message there is', () => {
    expect(isStunMessage(rawMessage(bindingRequest))).toBe(true);
    expect(decodeStunMessage(rawMessage(bindingRequest))).toBeDefined();
  });

  it.each([0, 1, 2, 3, 4, 19])('takes no datagram of %i bytes', (length) => {
    const bytes = rawMessage(bindingRequest).subarray(0, length);
    expect(isStunMessage(bytes)).toBe(false);
    expect(decodeStunMessage(bytes)).toBeUndefined();
  });

  it.each([
    ['top bits 01 (ChannelData)', (b: Buffer) => b.writeUInt8(0x40, 0)],
    ['top bits 10 (RTP)', (b: Buffer) => b.writeUInt8(0x80, 0)],
    ['top bits 11', (b: Buffer) => b.writeUInt8(0xc0, 0)],
    ['no magic cookie (RFC 3489)', (b: Buffer) => b.writeUInt32BE(0x2112a443, 4)],
    ['a length field that is too short', (b: Buffer) => b.writeUInt16BE(4, 2)],
    ['a length field that is too long', (b: Buffer) => b.writeUInt16BE(12, 2)],
  ])('takes none with %s', (_, spoil) => {
    const bytes = rawMessage(bindingRequest, software);
    expect(isStunMessage(bytes)).toBe(true);
    spoil(bytes);
    expect(isStunMessage(bytes)).toBe(false);
    expect(decodeStunMessage(bytes)).toBeUndefined();
  });

  it('takes none whose length is no multiple of 4, even where the length field agrees', () => {
    const bytes = Buffer.concat([rawMessage(bindingRequest, software), Buffer.alloc(2)]);
    bytes.writeUInt16BE(bytes.length - 20, 2);
    expect(isStunMessage(bytes)).toBe(false);
  });

  it.each([
    ['handshake initiation', 1, 148],
    ['handshake response', 2, 92],
    ['cookie reply', 3, 64],
    ['keepalive', 4, 32],
    ['transport data', 4, 1452],
  ])('lets a WireGuard %s pass, be its receiver index the magic cookie', (_, type, length) => {
    // By the first byte alone npm `stun` takes types 1 and 3 for Binding responses and type 2 for a request.
    const bytes = Buffer.alloc(length, 0x5a);
    bytes.set([type, 0, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
    expect(isStunMessage(bytes)).toBe(false);
    expect(decodeStunMessage(bytes)).toBeUndefined();
  });
});

describe('the guard', () => {
  it('refuses an attribute that reaches beyond the message', () => {
    const bytes = rawMessage(bindingRequest, software);
    bytes.writeUInt16BE(5, 22);
    expect(isStunMessage(bytes)).toBe(true);
    expect(decodeStunMessage(bytes)).toBeUndefined();
  });

  it('takes padding of any value', () => {
    const bytes = rawMessage(bindingRequest, software);
    bytes.fill(0xff, 25);
    expect(decodeStunMessage(bytes)?.software).toBe('x');
  });

  it.each([
    ['MESSAGE-INTEGRITY', attributeType.messageIntegrity, 20],
    ['FINGERPRINT', attributeType.fingerprint, 4],
  ])('refuses %s of any length but its own', (_, type, length) => {
    for (let wrong = 0; wrong <= 40; wrong++) {
      const decoded = decodeStunMessage(rawMessage(bindingRequest, rawAttribute(type, Buffer.alloc(wrong))));
      expect(decoded !== undefined).toBe(wrong === length);
    }
  });

  it('ignores what follows MESSAGE-INTEGRITY, but for FINGERPRINT', () => {
    const key = Buffer.from('key');
    const signed = encodeStunMessage({
      class: 'request',
      method: 'binding',
      transactionId: Buffer.alloc(12),
      username: 'a',
      integrityKey: key,
    });
    const body = signed.subarray(20);
    const peer = rawAttribute(attributeType.username, 'mallory');
    const unknown = rawAttribute(0x7777, 'x');
    const secondIntegrity = rawAttribute(attributeType.messageIntegrity, Buffer.alloc(20));
    const fingerprint = rawAttribute(attributeType.fingerprint, Buffer.alloc(4));
    const bytes = rawMessage(
      bindingRequest,
      body,
      rawAttribute(attributeType.priority, Buffer.alloc(4)),
      peer,
      unknown,
      secondIntegrity,
      fingerprint,
    );
    signed.copy(bytes, 8, 8, 20);
    const message = decodeStunMessage(bytes)!;
    expect(message.username).toBe('a');
    expect(message.priority).toBeUndefined();
    expect(message.unknownRequired).toEqual([]);
    expect(message.hasFingerprint).toBe(true);
    expect(message.verifyIntegrity(key)).toBe(true);
  });

  it('refuses anything after FINGERPRINT', () => {
    const fingerprint = rawAttribute(attributeType.fingerprint, Buffer.alloc(4));
    expect(decodeStunMessage(rawMessage(bindingRequest, fingerprint))).toBeDefined();
    for (const more of [software, fingerprint, rawAttribute(attributeType.messageIntegrity, Buffer.alloc(20))]) {
      expect(decodeStunMessage(rawMessage(bindingRequest, fingerprint, more))).toBeUndefined();
    }
  });

  it(`takes ${MAX_ATTRIBUTES} attributes and no more, be they ignored or not`, () => {
    const many = (count: number) => Array.from({ length: count }, () => software);
    const integrity = rawAttribute(attributeType.messageIntegrity, Buffer.alloc(20));
    expect(decodeStunMessage(rawMessage(bindingRequest, ...many(MAX_ATTRIBUTES)))).toBeDefined();
    expect(decodeStunMessage(rawMessage(bindingRequest, ...many(MAX_ATTRIBUTES + 1)))).toBeUndefined();
    expect(decodeStunMessage(rawMessage(bindingRequest, integrity, ...many(MAX_ATTRIBUTES)))).toBeUndefined();
  });

  it('reads a view into a larger buffer', () => {
    const message = rawMessage(bindingRequest, software);
    const arena = new Uint8Array(200).fill(0xee);
    arena.set(message, 50);
    expect(decodeStunMessage(arena.subarray(50, 50 + message.length))?.software).toBe('x');
  });
});

describe('hostile input', () => {
  it('random bytes: nothing throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), readAll), { numRuns: 5_000 });
  });

  it('random attributes behind a right header: nothing throws', () => {
    const attribute = fc
      .tuple(
        fc.oneof(fc.constantFrom(...Object.values(attributeType)), fc.nat(0xffff)),
        fc.uint8Array({ maxLength: 40 }),
      )
      .map(([type, value]) => rawAttribute(type, value));
    fc.assert(
      fc.property(fc.nat(0x3fff), fc.array(attribute, { maxLength: 12 }), (type, attributes) => {
        const bytes = rawMessage(type, ...attributes);
        expect(isStunMessage(bytes)).toBe(true);
        readAll(bytes);
      }),
      { numRuns: 3_000 },
    );
  });

  it('truncations: none is taken', () => {
    fc.assert(
      fc.property(anyMessage, (fields) => {
        const bytes = encodeStunMessage(fields);
        for (let length = 0; length < bytes.length; length++) {
          expect(decodeStunMessage(bytes.subarray(0, length))).toBeUndefined();
        }
      }),
      { numRuns: 50 },
    );
  });

  it('100,000 mutations of valid messages: nothing throws, and integrity and fingerprint hold', () => {
    const key = Buffer.from('the key');
    const seeds = fc
      .sample(anyMessage, { numRuns: 50, seed: 1 })
      .map((fields) => encodeStunMessage({ ...fields, integrityKey: key, fingerprint: true }));
    seeds.push(
      encodeStunMessage({
        class: 'request',
        method: 'create-permission',
        transactionId: Buffer.alloc(12, 7),
        peerAddresses: [transportAddress('192.0.2.1', 1), transportAddress('2001:db8::1', 2)],
        integrityKey: key,
        fingerprint: true,
      }),
    );
    let random = 12345;
    const next = (below: number) => {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      return Math.floor((random / 0x1_0000_0000) * below);
    };
    let decoded = 0;
    let forged = 0;
    for (let i = 0; i < 100_000; i++) {
      const seed = seeds[next(seeds.length)]!;
      const bytes = Buffer.from(seed);
      for (let changes = 1 + next(4); changes > 0; changes--) bytes[next(bytes.length)] = next(256);
      const message = decodeStunMessage(bytes);
      if (!message || bytes.equals(seed)) continue;
      decoded++;
      for (const name of attributeNames) void message[name];
      void message.unknownRequired;
      // Past the HMAC only FINGERPRINT and padding of nothing are left, and those the CRC covers.
      if (message.verifyFingerprint() && message.verifyIntegrity(key)) forged++;
    }
    expect(decoded).toBeGreaterThan(10_000);
    expect(forged).toBe(0);
  });
});
