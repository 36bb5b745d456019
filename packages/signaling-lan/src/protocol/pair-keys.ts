import { createCipheriv, createHmac, hkdfSync } from 'node:crypto';
import { SLOTS_PER_EPOCH, TAG_BYTES } from './lan-v1.js';

const LABEL = 'wirepath signaling-lan v1';
const ZEROS = new Uint8Array(SLOTS_PER_EPOCH * TAG_BYTES);
const ZERO_IV = new Uint8Array(16);

/** What one direction of a pair uses in one epoch. */
export interface EpochKeys {
  /** One of {@link TAG_BYTES} for each slot, one after the other: random to whoever lacks the pair's secret. */
  readonly tags: Buffer;
  /** Of ChaCha20-Poly1305. */
  readonly frameKey: Buffer;
}

/**
 * The key of one direction of a pair, of which everything else is derived.
 * @param secret X25519 of the two static keys.
 */
export function directionKey(secret: Uint8Array, from: string, to: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `${LABEL}\n${from}\n${to}`, 32));
}

/** One hash and one cipher for all the slots of an epoch, so that a table of many peers costs little. */
export function epochKeys(key: Uint8Array, epoch: number): EpochKeys {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(epoch));
  const derived = createHmac('sha512', key).update(counter).digest();
  const tags = createCipheriv('aes-256-ctr', derived.subarray(0, 32), ZERO_IV).update(ZEROS);
  return { tags, frameKey: derived.subarray(32) };
}

/** A view of the tag of one slot. */
export function tagOf({ tags }: EpochKeys, slotOfEpoch: number): Buffer {
  return tags.subarray(slotOfEpoch * TAG_BYTES, (slotOfEpoch + 1) * TAG_BYTES);
}
