import type { PublicKey } from '@wirepath/core/plugin';
import { publicKeyBytes, publicKeyText } from './public-key.js';
import { CHALLENGE_BYTES, KEY_BYTES, MAX_SEALED_BYTES, MAX_URL_BYTES, PROOF_BYTES } from './rendezvous-v1.js';

/** What a client may send without being cut off; it paces itself by these. */
export interface RateLimits {
  readonly messagesPerSecond: number;
  readonly messageBurst: number;
  readonly bytesPerSecond: number;
  readonly byteBurst: number;
}

/** docs/rendezvous-protocol.md, "Messages". */
export type Message =
  | {
      readonly type: 'welcome';
      readonly serverKey: Uint8Array;
      readonly challenge: Uint8Array;
      readonly limits: RateLimits;
    }
  | { readonly type: 'register'; readonly clientKey: Uint8Array; readonly proof: Uint8Array; readonly url: string }
  | { readonly type: 'registered'; readonly proof: Uint8Array }
  | { readonly type: 'publish'; readonly to: PublicKey; readonly sealed: Uint8Array }
  | { readonly type: 'message'; readonly from: PublicKey; readonly sealed: Uint8Array }
  | { readonly type: 'undeliverable'; readonly to: PublicKey }
  | { readonly type: 'available'; readonly publicKey: PublicKey };

const TYPE_CODES = {
  welcome: 1,
  register: 2,
  registered: 3,
  publish: 4,
  message: 5,
  undeliverable: 6,
  available: 7,
} as const satisfies Record<Message['type'], number>;

const WELCOME_BYTES = 1 + KEY_BYTES + CHALLENGE_BYTES + 16;
const PRINTABLE_ASCII = /^[\x21-\x7e]+$/;

/** @throws {RangeError} when a key is no key: callers check keys from outside first. */
export function encodeFrame(message: Message): Buffer {
  const type = Buffer.of(TYPE_CODES[message.type]);
  switch (message.type) {
    case 'welcome': {
      const limits = Buffer.alloc(16);
      limits.writeUInt32BE(message.limits.messagesPerSecond, 0);
      limits.writeUInt32BE(message.limits.messageBurst, 4);
      limits.writeUInt32BE(message.limits.bytesPerSecond, 8);
      limits.writeUInt32BE(message.limits.byteBurst, 12);
      return Buffer.concat([type, message.serverKey, message.challenge, limits]);
    }
    case 'register':
      return Buffer.concat([type, message.clientKey, message.proof, Buffer.from(message.url, 'ascii')]);
    case 'registered':
      return Buffer.concat([type, message.proof]);
    case 'publish':
      return Buffer.concat([type, keyBytes(message.to), message.sealed]);
    case 'message':
      return Buffer.concat([type, keyBytes(message.from), message.sealed]);
    case 'undeliverable':
      return Buffer.concat([type, keyBytes(message.to)]);
    case 'available':
      return Buffer.concat([type, keyBytes(message.publicKey)]);
  }
}

/**
 * The fields are copies: the frame may be reused.
 * @returns undefined for whatever is not exactly one message; never throws.
 */
export function decodeFrame(frame: Uint8Array): Message | undefined {
  const body = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).subarray(1);
  switch (frame[0]) {
    case TYPE_CODES.welcome:
      if (frame.length !== WELCOME_BYTES) return undefined;
      return {
        type: 'welcome',
        serverKey: copy(body, 0, KEY_BYTES),
        challenge: copy(body, KEY_BYTES, CHALLENGE_BYTES),
        limits: {
          messagesPerSecond: body.readUInt32BE(64),
          messageBurst: body.readUInt32BE(68),
          bytesPerSecond: body.readUInt32BE(72),
          byteBurst: body.readUInt32BE(76),
        },
      };
    case TYPE_CODES.register: {
      const url = body.toString('latin1', KEY_BYTES + PROOF_BYTES);
      if (body.length <= KEY_BYTES + PROOF_BYTES || url.length > MAX_URL_BYTES || !PRINTABLE_ASCII.test(url)) {
        return undefined;
      }
      return {
        type: 'register',
        clientKey: copy(body, 0, KEY_BYTES),
        proof: copy(body, KEY_BYTES, PROOF_BYTES),
        url,
      };
    }
    case TYPE_CODES.registered:
      return body.length === PROOF_BYTES ? { type: 'registered', proof: copy(body, 0, PROOF_BYTES) } : undefined;
    case TYPE_CODES.publish:
      return carriesSealed(body)
        ? { type: 'publish', to: publicKeyText(body), sealed: copy(body, KEY_BYTES, body.length - KEY_BYTES) }
        : undefined;
    case TYPE_CODES.message:
      return carriesSealed(body)
        ? { type: 'message', from: publicKeyText(body), sealed: copy(body, KEY_BYTES, body.length - KEY_BYTES) }
        : undefined;
    case TYPE_CODES.undeliverable:
      return body.length === KEY_BYTES ? { type: 'undeliverable', to: publicKeyText(body) } : undefined;
    case TYPE_CODES.available:
      return body.length === KEY_BYTES ? { type: 'available', publicKey: publicKeyText(body) } : undefined;
    default:
      return undefined;
  }
}

function carriesSealed(body: Buffer): boolean {
  return body.length > KEY_BYTES && body.length <= KEY_BYTES + MAX_SEALED_BYTES;
}

function copy(body: Buffer, offset: number, length: number): Uint8Array {
  return new Uint8Array(body.subarray(offset, offset + length));
}

function keyBytes(key: PublicKey): Buffer {
  const bytes = publicKeyBytes(key);
  if (!bytes) throw new RangeError('not a public key');
  return bytes;
}
