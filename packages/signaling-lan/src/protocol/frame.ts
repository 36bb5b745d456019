import { createCipheriv, createDecipheriv } from 'node:crypto';
import { DATAGRAM_BYTES, MAX_SEALED_BYTES, TAG_BYTES } from './lan-v1.js';

const NONCE_BYTES = 12;
const MAC_BYTES = 16;
const PLAIN_BYTES = DATAGRAM_BYTES - TAG_BYTES - NONCE_BYTES - MAC_BYTES;
/** stamp 6, message 6, acknowledged 6, flags 1, index 1, count 1, length 2. */
const HEADER_BYTES = 23;
/** Of a sealed message, in one frame. */
export const PART_BYTES = PLAIN_BYTES - HEADER_BYTES;
export const MAX_PARTS = Math.ceil(MAX_SEALED_BYTES / PART_BYTES);
const WANTS_ANSWER = 1;
/** Six bytes. */
const MAX_NUMBER = 2 ** 48;

/** A part of a message, or none, and what its sender has had of ours. */
export interface Frame {
  /** Greater than in every frame before it from that sender: a replayed frame says nothing of where the sender is. */
  readonly stamp: number;
  /** Of the message that this is a part of; greater than of those before it. 0: there is none. */
  readonly message: number;
  /** The newest message of ours that the sender has had; 0: none. */
  readonly acknowledged: number;
  readonly wantsAnswer: boolean;
  /** Of the part, from 0, and of how many. */
  readonly index: number;
  readonly count: number;
  readonly part: Uint8Array;
}

/**
 * tag, nonce, and the rest under ChaCha20-Poly1305 with the tag as additional data: {@link DATAGRAM_BYTES}, whatever is in it.
 * @param nonce 12 random bytes.
 */
export function sealFrame(frame: Frame, tag: Uint8Array, key: Uint8Array, nonce: Uint8Array): Buffer {
  const plain = Buffer.alloc(PLAIN_BYTES);
  plain.writeUIntBE(frame.stamp, 0, 6);
  plain.writeUIntBE(frame.message, 6, 6);
  plain.writeUIntBE(frame.acknowledged, 12, 6);
  plain[18] = frame.wantsAnswer ? WANTS_ANSWER : 0;
  plain[19] = frame.index;
  plain[20] = frame.count;
  plain.writeUInt16BE(frame.part.length, 21);
  plain.set(frame.part, HEADER_BYTES);
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: MAC_BYTES });
  cipher.setAAD(tag, { plaintextLength: PLAIN_BYTES });
  return Buffer.concat([tag, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** @returns undefined for what was not sealed with this key, or is no frame. Never throws. */
export function openFrame(bytes: Buffer, key: Uint8Array): Frame | undefined {
  if (bytes.length !== DATAGRAM_BYTES) return undefined;
  const nonce = bytes.subarray(TAG_BYTES, TAG_BYTES + NONCE_BYTES);
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: MAC_BYTES });
  decipher.setAAD(bytes.subarray(0, TAG_BYTES), { plaintextLength: PLAIN_BYTES });
  decipher.setAuthTag(bytes.subarray(-MAC_BYTES));
  let plain: Buffer;
  try {
    plain = Buffer.concat([decipher.update(bytes.subarray(TAG_BYTES + NONCE_BYTES, -MAC_BYTES)), decipher.final()]);
  } catch {
    // Forged or damaged: counted by the caller.
    return undefined;
  }
  const [flags = 0, index = 0, count = 0] = plain.subarray(18, 21);
  const length = plain.readUInt16BE(21);
  const message = plain.readUIntBE(6, 6);
  const isPart = message !== 0 && count > 0 && count <= MAX_PARTS && index < count && length <= PART_BYTES;
  const isEmpty = message === 0 && count === 0 && index === 0 && length === 0;
  if (!isPart && !isEmpty) return undefined;
  return {
    stamp: plain.readUIntBE(0, 6),
    message,
    acknowledged: plain.readUIntBE(12, 6),
    wantsAnswer: (flags & WANTS_ANSWER) !== 0,
    index,
    count,
    part: Uint8Array.from(plain.subarray(HEADER_BYTES, HEADER_BYTES + length)),
  };
}

/** The parts of a sealed message; one of nothing is one part of nothing. */
export function partsOf(sealed: Uint8Array): Uint8Array[] {
  const count = Math.max(1, Math.ceil(sealed.length / PART_BYTES));
  return Array.from({ length: count }, (_, index) => sealed.subarray(index * PART_BYTES, (index + 1) * PART_BYTES));
}

/** Sixteenths of a ms: numbers that grow from one frame, message and run to the next, whatever the wall clock does meanwhile. */
export class Stamps {
  #last = 0;

  next(unixMs: number): number {
    this.#last = Math.min(MAX_NUMBER - 1, Math.max(this.#last + 1, Math.floor(unixMs * 16)));
    return this.#last;
  }
}
