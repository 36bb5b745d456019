import { describe, expect, it } from 'vitest';
import {
  decodeStunMessage,
  encodeStunMessage,
  longTermKey,
  shortTermKey,
  transportAddress,
} from '@wirepath/stun-codec';

const fromHex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** RFC 5769, sections 2.1 to 2.4. */
const vectors = {
  request: fromHex(`000100582112a442b7e7a701bc34d686fa87dfae
    802200105354554e207465737420636c69656e74 002400046e0001ff 80290008932ff9b151263b36
    000600096576746a3a68367659202020 000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004e57a3bcf`),
  ipv4Response: fromHex(`0101003c2112a442b7e7a701bc34d686fa87dfae
    8022000b7465737420766563746f7220 002000080001a147e112a643
    000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004c07d4c96`),
  ipv6Response: fromHex(`010100482112a442b7e7a701bc34d686fa87dfae
    8022000b7465737420766563746f7220 002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9
    00080014a382954e4be67bf11784c97c8292c275bfe3ed41 80280004c8fb0b4c`),
  longTermRequest: fromHex(`000100602112a44278ad3433c6ad72c029da412e
    00060012e3839ee38388e383aae38383e382afe382b90000
    0015001c662f2f3439396b393534643 64f4c33346f4c39465354767936347341
    0014000b6578616d706c652e6f726700 00080014f67024656dd64a3e02b8e0712e85c9a28ca89666`),
};
const password = shortTermKey('VOkJxbRl1RmTxUk/WvJxBt');

describe('RFC 5769 test vectors', () => {
  it('2.1: sample request', () => {
    const message = decodeStunMessage(vectors.request)!;
    expect(message.class).toBe('request');
    expect(message.method).toBe('binding');
    expect(message.transactionKey).toBe('b7e7a701bc34d686fa87dfae');
    expect(message.software).toBe('STUN test client');
    expect(message.username).toBe('evtj:h6vY');
    expect(message.priority).toBe(0x6e0001ff);
    expect(message.iceControlled).toBe(0x932ff9b151263b36n);
    expect(message.unknownRequired).toEqual([]);
    expect(message.verifyIntegrity(password)).toBe(true);
    expect(message.verifyFingerprint()).toBe(true);
  });

  it.each([
    ['2.2: sample IPv4 response', vectors.ipv4Response, '192.0.2.1'],
    ['2.3: sample IPv6 response', vectors.ipv6Response, '2001:db8:1234:5678:11:2233:4455:6677'],
  ])('%s', (_, bytes, ip) => {
    const message = decodeStunMessage(bytes)!;
    expect(message.class).toBe('success');
    expect(message.software).toBe('test vector');
    expect(message.mappedAddress).toEqual(transportAddress(ip, 32853));
    expect(message.verifyIntegrity(password)).toBe(true);
    expect(message.verifyFingerprint()).toBe(true);
  });

  it('2.4: sample request with long-term authentication, password after SASLprep', () => {
    const message = decodeStunMessage(vectors.longTermRequest)!;
    expect(message.username).toBe('マトリックス');
    expect(message.realm).toBe('example.org');
    expect(message.nonce).toBe('f//499k954d6OL34oL9FSTvy64sA');
    expect(message.verifyIntegrity(longTermKey('マトリックス', 'example.org', 'TheMatrIX'))).toBe(true);
    expect(message.verifyIntegrity(longTermKey('マトリックス', 'example.org', 'TheMatrix'))).toBe(false);
    expect(message.hasFingerprint).toBe(false);
    expect(message.verifyFingerprint()).toBe(false);
  });

  it('2.4 is encoded byte for byte (it alone is padded with zeros, as we pad)', () => {
    const encoded = encodeStunMessage({
      class: 'request',
      method: 'binding',
      transactionId: fromHex('78ad3433c6ad72c029da412e'),
      username: 'マトリックス',
      nonce: 'f//499k954d6OL34oL9FSTvy64sA',
      realm: 'example.org',
      integrityKey: longTermKey('マトリックス', 'example.org', 'TheMatrIX'),
    });
    expect(encoded.toString('hex')).toBe(vectors.longTermRequest.toString('hex'));
  });

  it.each(['request', 'ipv4Response', 'ipv6Response'] as const)('%s: a change of any bit is noticed', (name) => {
    for (let bit = 0; bit < vectors[name].length * 8; bit++) {
      const bytes = Buffer.from(vectors[name]);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const message = decodeStunMessage(bytes);
      // A changed bit in FINGERPRINT leaves integrity right, and the reverse never.
      expect(message !== undefined && message.verifyIntegrity(password) && message.verifyFingerprint()).toBe(false);
    }
  });
});
