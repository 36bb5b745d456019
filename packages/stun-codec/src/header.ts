/** Bytes 4 to 7 of every STUN message (RFC 8489, section 5). */
export const MAGIC_COOKIE = 0x2112a442;
export const HEADER_LENGTH = 20;
export const TRANSACTION_ID_LENGTH = 12;
export const ATTRIBUTE_HEADER_LENGTH = 4;

/**
 * Whether a datagram claims to be a STUN message: top two bits 00, magic cookie, and a length field that is exactly
 * the datagram's. Cheap enough for every datagram of a shared socket, and no WireGuard message passes: bytes 2 and 3
 * of those are zero, which here would mean a datagram of 20 bytes, shorter than any of them.
 */
export function isStunMessage(bytes: Uint8Array): boolean {
  return (
    bytes.length >= HEADER_LENGTH &&
    ((bytes[0] ?? 0) & 0xc0) === 0 &&
    hasMagicCookie(bytes, 0) &&
    bytes.length % 4 === 0 &&
    (((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)) + HEADER_LENGTH === bytes.length
  );
}

/** Whether there is a magic cookie in what begins at this offset. */
export function hasMagicCookie(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 4] === 0x21 && bytes[at + 5] === 0x12 && bytes[at + 6] === 0xa4 && bytes[at + 7] === 0x42;
}

/** A transaction id as the key of a Map: 24 hexadecimal digits. */
export function transactionKey(transactionId: Uint8Array): string {
  return Buffer.from(transactionId.buffer, transactionId.byteOffset, transactionId.byteLength).toString('hex');
}
