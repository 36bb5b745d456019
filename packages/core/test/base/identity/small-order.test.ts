import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../src/base/identity/create-identity.js';
import { isSmallOrder } from '../../../src/base/identity/small-order.js';

const point = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
/** 0, 1, both of order 8, p - 1, p, p + 1. */
const POINTS = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
].map(point);

describe('public keys of small order', () => {
  const identity = createIdentity(randomBytes(32));

  it.each(POINTS.map((key, index) => [index, key] as const))('%i is one, as X25519 itself has it', (_index, key) => {
    const topBitSet = Uint8Array.from(key).fill((key[31] ?? 0) | 128, 31);
    for (const each of [key, topBitSet]) {
      expect(identity.agree(each)).toBeUndefined();
      expect(isSmallOrder(each)).toBe(true);
    }
  });

  it('no other key is', () => {
    const near = Uint8Array.from(POINTS[1] ?? []).fill(2, 0, 1);
    for (const key of [near, ...Array.from({ length: 100 }, () => randomBytes(32))]) {
      expect(identity.agree(key)).toBeDefined();
      expect(isSmallOrder(key)).toBe(false);
    }
  });
});
