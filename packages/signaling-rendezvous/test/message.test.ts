import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame, type Message } from '../src/protocol/message.js';
import { publicKeyBytes, publicKeyText } from '../src/protocol/public-key.js';
import { MAX_FRAME_BYTES, MAX_SEALED_BYTES, MAX_URL_BYTES } from '../src/protocol/rendezvous-v1.js';

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const key = bytes32.map(publicKeyText);
const sealed = fc.uint8Array({ minLength: 1, maxLength: 300 });
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const limits = fc.record({ messagesPerSecond: u32, messageBurst: u32, bytesPerSecond: u32, byteBurst: u32 });
const url = fc.stringMatching(/^[\x21-\x7e]{1,100}$/);
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ type: fc.constant('welcome'), serverKey: bytes32, challenge: bytes32, limits }),
  fc.record({ type: fc.constant('register'), clientKey: bytes32, proof: bytes32, url }),
  fc.record({ type: fc.constant('registered'), proof: bytes32 }),
  fc.record({ type: fc.constant('publish'), to: key, sealed }),
  fc.record({ type: fc.constant('message'), from: key, sealed }),
  fc.record({ type: fc.constant('undeliverable'), to: key }),
  fc.record({ type: fc.constant('available'), publicKey: key }),
);

describe('message codec', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(decodeFrame(encodeFrame(sent))).toEqual(sent);
      }),
    );
  });

  it('takes any bytes without throwing, and each frame is the only form of its message', () => {
    const nearMiss = fc.tuple(message, fc.nat(), fc.nat({ max: 255 })).map(([sent, at, value]) => {
      const frame = encodeFrame(sent);
      frame[at % frame.length] = value;
      return frame.subarray(0, frame.length - (at % 3));
    });
    const frame = fc.oneof(fc.uint8Array({ maxLength: 400 }), nearMiss);
    let decoded = 0;
    fc.assert(
      fc.property(frame, (bytes) => {
        const received = decodeFrame(bytes);
        if (!received) return;
        decoded += 1;
        expect(Buffer.compare(encodeFrame(received), bytes)).toBe(0);
      }),
      { numRuns: 20_000 },
    );
    expect(decoded).toBeGreaterThan(1000);
  });

  const frameOf = (type: number, size: number) => Buffer.concat([Buffer.of(type), Buffer.alloc(size - 1, 0x41)]);
  it.each([
    ['empty', new Uint8Array(), false],
    ['type 0', frameOf(0, 33), false],
    ['unknown type', frameOf(8, 33), false],
    ['welcome', frameOf(1, 81), true],
    ['welcome, one byte more', frameOf(1, 82), false],
    ['welcome, one byte less', frameOf(1, 80), false],
    ['register without a URL', frameOf(2, 65), false],
    ['register with the shortest URL', frameOf(2, 66), true],
    ['register with the longest URL', frameOf(2, 65 + MAX_URL_BYTES), true],
    ['register with a longer URL', frameOf(2, 66 + MAX_URL_BYTES), false],
    ['register with a space in the URL', Buffer.concat([frameOf(2, 65), Buffer.from('ws://a b')]), false],
    ['register with a URL beyond ASCII', Buffer.concat([frameOf(2, 65), Buffer.from('ws://ä')]), false],
    ['registered', frameOf(3, 33), true],
    ['registered, cut short', frameOf(3, 32), false],
    ['publish of nothing', frameOf(4, 33), false],
    ['publish of one byte', frameOf(4, 34), true],
    ['publish of the most', frameOf(4, MAX_FRAME_BYTES), true],
    ['publish of more', frameOf(4, MAX_FRAME_BYTES + 1), false],
    ['message of the most', frameOf(5, 33 + MAX_SEALED_BYTES), true],
    ['undeliverable', frameOf(6, 33), true],
    ['undeliverable, one byte more', frameOf(6, 34), false],
    ['available', frameOf(7, 33), true],
  ])('%s', (_name, frame, valid) => expect(decodeFrame(frame) !== undefined).toBe(valid));

  it('copies: a message outlives the frame that it came in', () => {
    const frame = encodeFrame({ type: 'publish', to: publicKeyText(new Uint8Array(32)), sealed: Buffer.from('abc') });
    const received = decodeFrame(frame);
    frame.fill(0);
    expect(received).toMatchObject({ sealed: new Uint8Array(Buffer.from('abc')) });
  });
});

describe('public key text', () => {
  it('is canonical base64 of 32 bytes', () => {
    fc.assert(
      fc.property(bytes32, (bytes) => {
        expect(new Uint8Array(publicKeyBytes(publicKeyText(bytes))!)).toEqual(bytes);
      }),
    );
  });

  const good = publicKeyText(new Uint8Array(32).fill(7));
  it.each([
    ['empty', ''],
    ['cut short', good.slice(1)],
    ['no padding', good.slice(0, 43)],
    ['URL alphabet', `-${good.slice(1)}`],
    ['bits in the padding', `${good.slice(0, 42)}d=`],
    ['a line end', `${good}\n`],
  ])('%s is none', (_name, text) => expect(publicKeyBytes(text)).toBeUndefined());
});
