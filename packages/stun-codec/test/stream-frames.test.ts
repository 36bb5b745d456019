import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeChannelData, encodeStunMessage, StreamFrames, streamPadding } from '@wirepath/stun-codec';
import { anyMessage } from './arbitraries.js';

const binding = encodeStunMessage({ class: 'request', method: 'binding', transactionId: Buffer.alloc(12, 7) });

const anyFrame = fc.oneof(
  anyMessage.map((fields) => encodeStunMessage(fields)),
  fc
    .tuple(fc.integer({ min: 0x4000, max: 0x7ffe }), fc.uint8Array({ maxLength: 300 }))
    .map(([channel, payload]) => encodeChannelData(channel, payload)),
);

function onStream(messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(messages.flatMap((message) => [message, streamPadding(message.length)]));
}

function pushAll(frames: StreamFrames, chunks: readonly Uint8Array[]): string[] {
  return chunks.flatMap((chunk) => frames.push(chunk)).map((message) => message.toString('hex'));
}

/** The bytes in pieces that end at these places. */
function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places].map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

describe('messages on a stream', () => {
  it('are the same wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (messages, places) => {
        const frames = new StreamFrames();
        const received = pushAll(frames, cutAt(onStream(messages), places));
        expect(received).toEqual(messages.map((message) => Buffer.from(message).toString('hex')));
        expect(frames.isBroken).toBe(false);
      }),
    );
  });

  it('come byte by byte, and are handed out for good', () => {
    const messages = [binding, encodeChannelData(0x4001, Buffer.from('a')), encodeChannelData(0x4001, Buffer.alloc(0))];
    const frames = new StreamFrames();
    const received: Buffer[] = [];
    for (const byte of onStream([...messages, ...messages])) received.push(...frames.push(Buffer.of(byte)));
    expect(received).toEqual([...messages, ...messages]);
  });

  it('of the largest length fit', () => {
    const largest = encodeChannelData(0x4000, Buffer.alloc(0xffff, 1));
    const frames = new StreamFrames();
    expect(pushAll(frames, cutAt(onStream([largest, binding]), [1, 40_000]))).toHaveLength(2);
  });

  it('do not wait for what comes behind them', () => {
    expect(new StreamFrames().push(onStream([binding]))).toHaveLength(1);
  });

  it.each([
    ['TLS records', '80'],
    ['the first two bits 11', 'c0'],
    ['a length that is no multiple of 4', '00010002'],
    ['another cookie', '000100042112a443'],
    ['a TLS handshake', '1603010200010001'],
  ])('end with %s', (_, hex) => {
    const frames = new StreamFrames();
    const bytes = Buffer.concat([onStream([binding]), Buffer.from(hex, 'hex')]);
    expect(frames.push(bytes)).toEqual([binding]);
    expect(frames.isBroken).toBe(true);
    expect(frames.push(onStream([binding]))).toEqual([]);
  });

  it('no bytes make it throw, hand out more than came, or break what it has handed out', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (chunks) => {
        const frames = new StreamFrames();
        const handedOut = pushAll(frames, chunks).join('').length / 2;
        expect(handedOut).toBeLessThanOrEqual(chunks.reduce((sum, { length }) => sum + length, 0));
      }),
      { numRuns: 2_000 },
    );
  });

  it('a length that is claimed costs nothing', () => {
    const before = process.memoryUsage().arrayBuffers;
    const waiting = Array.from({ length: 1000 }, () => {
      const frames = new StreamFrames();
      frames.push(Buffer.from('4000ffff00', 'hex'));
      return frames;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000_000);
    expect(waiting).toHaveLength(1000);
  });
});

it.each([
  [0, 0],
  [4, 0],
  [5, 3],
  [6, 2],
  [7, 1],
  [65_539, 1],
])('behind a message of %i bytes come %i of padding', (messageBytes, padding) => {
  expect(streamPadding(messageBytes)).toEqual(new Uint8Array(padding));
});
