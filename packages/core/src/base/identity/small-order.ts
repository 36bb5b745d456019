/**
 * The points of small order on Curve25519 and its twist, little-endian: with any of these as public key every secret is
 * zero. 0, 1, two of order 8, p - 1, p and p + 1; the top bit is ignored, as X25519 does.
 */
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** Whether a public key is nobody's: told by looking it up, thousands of times quicker than by trying a handshake. */
export function isSmallOrder(publicKey: Uint8Array): boolean {
  const masked = Buffer.from(publicKey);
  masked[31] = (masked[31] ?? 0) & 127;
  return SMALL_ORDER.has(masked.toString('hex'));
}
