const STUN_HEADER_BYTES = 20;
const WIREGUARD_MIN_BYTES = 32;

export type DatagramKind = 'stun' | 'channel' | 'wireguard' | 'other';

/**
 * Tells what a datagram on the shared socket is (RFC 7983 in spirit, stricter in letter). First bytes alone do not do:
 * WireGuard's types 1 to 4 are STUN message types too, so STUN needs its magic cookie and exactly its own length.
 * `wireguard` is a guess by the type bytes; the MAC decides.
 */
export function kindOf(bytes: Uint8Array): DatagramKind {
  const first = bytes[0];
  if (first === undefined) return 'other';
  if (first >> 6 === 1) return 'channel';
  if (first >> 6 === 0) {
    if (isStun(bytes)) return 'stun';
    const typed = first >= 1 && first <= 4 && bytes[1] === 0 && bytes[2] === 0 && bytes[3] === 0;
    if (typed && bytes.length >= WIREGUARD_MIN_BYTES) return 'wireguard';
  }
  return 'other';
}

/** RFC 8489 section 5: two zero bits, the length of what follows the header, the magic cookie 0x2112A442. */
function isStun(bytes: Uint8Array): boolean {
  return (
    bytes.length >= STUN_HEADER_BYTES &&
    bytes[4] === 0x21 &&
    bytes[5] === 0x12 &&
    bytes[6] === 0xa4 &&
    bytes[7] === 0x42 &&
    (((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)) === bytes.length - STUN_HEADER_BYTES
  );
}
