import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeChannelData,
  decodeStunMessage,
  encodeChannelData,
  encodeRelayIndication,
  encodeStunMessage,
  isChannelData,
  isStunMessage,
  MAX_INDICATION_DATA_LENGTH,
  transportAddress,
  writeChannelDataHeader,
} from '@wirepath/stun-codec';
import { anyAddress } from './arbitraries.js';

const transactionId = Buffer.alloc(12, 9);

describe('Send and Data indications', () => {
  it('are byte for byte what the general encoder makes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('send' as const, 'data' as const),
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        anyAddress,
        fc.uint8Array({ maxLength: 1500 }),
        (method, id, peer, data) => {
          const fast = encodeRelayIndication(method, id, peer, data);
          const general = encodeStunMessage({
            class: 'indication',
            method,
            transactionId: id,
            peerAddresses: [peer],
            data,
          });
          expect(fast.equals(general)).toBe(true);
        },
      ),
    );
  });

  it('refuse more data than a message holds, and hold as much as they say', () => {
    const peer = transportAddress('2001:db8::1', 1);
    const largest = encodeRelayIndication('data', transactionId, peer, Buffer.alloc(MAX_INDICATION_DATA_LENGTH));
    expect(decodeStunMessage(largest)?.data?.length).toBe(MAX_INDICATION_DATA_LENGTH);
    expect(() =>
      encodeRelayIndication('data', transactionId, peer, Buffer.alloc(MAX_INDICATION_DATA_LENGTH + 1)),
    ).toThrow(RangeError);
    expect(() => encodeRelayIndication('data', Buffer.alloc(11), peer, Buffer.alloc(1))).toThrow(RangeError);
  });
});

describe('ChannelData', () => {
  it('comes back as it was encoded, padded or not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0x4000, max: 0x7ffe }),
        fc.uint8Array({ maxLength: 1500 }),
        fc.boolean(),
        (channel, payload, pad) => {
          const bytes = encodeChannelData(channel, payload, { pad });
          expect(bytes.length).toBe(pad ? 4 + Math.ceil(payload.length / 4) * 4 : 4 + payload.length);
          expect(isStunMessage(bytes)).toBe(false);
          const decoded = decodeChannelData(bytes)!;
          expect(decoded.channel).toBe(channel);
          expect(decoded.payload.equals(payload)).toBe(true);
        },
      ),
    );
  });

  it.each([
    ['', false],
    ['40', false],
    ['400000', false],
    ['40000000', true],
    ['40000001', false],
    ['4000000141', true],
    ['4000000141000000', true],
    ['400000014100000000', false],
    ['4fff000141', true],
    ['5000000141', true],
    ['7ffe000141', true],
    ['7fff000141', false],
    ['3fff000141', false],
    ['8000000141', false],
    ['c000000141', false],
    ['0100000141', false],
  ])('%s: %s', (hex, taken) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(isChannelData(bytes)).toBe(taken);
    expect(decodeChannelData(bytes) !== undefined).toBe(taken);
  });

  it('no datagram makes the decoder throw or read past its end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        bytes.set([0x40, 0, 0].slice(0, bytes.length));
        const decoded = decodeChannelData(bytes);
        if (decoded) expect(decoded.payload.length).toBeLessThanOrEqual(bytes.length - 4);
      }),
      { numRuns: 2_000 },
    );
  });

  it('the payload is a view, not a copy', () => {
    const bytes = encodeChannelData(0x4000, Buffer.from('abc'));
    decodeChannelData(bytes)!.payload[0] = 0x7a;
    expect(bytes.toString('latin1', 4)).toBe('zbc');
  });

  it('the header can be written in front of a payload in place', () => {
    const arena = Buffer.from('xxxx....payload');
    writeChannelDataHeader(arena, 0x4abc, 7, 4);
    expect(decodeChannelData(arena.subarray(4))).toEqual({ channel: 0x4abc, payload: Buffer.from('payload') });
    expect(arena.toString('latin1', 0, 4)).toBe('xxxx');
  });

  it.each([
    ['a channel below', 0x3fff, 0, 0],
    ['a channel above', 0x7fff, 0, 0],
    ['no channel', NaN, 0, 0],
    ['a payload of 64 KiB', 0x4000, 0x10000, 0],
    ['no room', 0x4000, 0, 13],
    ['a negative offset', 0x4000, 0, -1],
  ])('header with %s is refused', (_, channel, length, offset) => {
    expect(() => writeChannelDataHeader(Buffer.alloc(16), channel, length, offset)).toThrow(RangeError);
  });
});
