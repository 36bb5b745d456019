import { createHash, createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ATTRIBUTE_HEADER_LENGTH, HEADER_LENGTH } from './header.js';

export const INTEGRITY_LENGTH = 20;
export const FINGERPRINT_LENGTH = 4;
const FINGERPRINT_XOR = 0x5354554e;

/**
 * HMAC-SHA1 of the message up to its MESSAGE-INTEGRITY attribute at `offset`, with the length field as if the message
 * ended with that attribute (RFC 8489, section 14.5).
 */
export function integrityOf(message: Buffer, offset: number, key: Uint8Array): Buffer {
  const header = Buffer.from(message.subarray(0, 4));
  header.writeUInt16BE(offset + ATTRIBUTE_HEADER_LENGTH + INTEGRITY_LENGTH - HEADER_LENGTH, 2);
  return createHmac('sha1', key).update(header).update(message.subarray(4, offset)).digest();
}

/** CRC-32 of the message up to its FINGERPRINT attribute at `offset`, XORed (RFC 8489, section 14.7). */
export function fingerprintOf(message: Buffer, offset: number): number {
  return (crc32(message.subarray(0, offset)) ^ FINGERPRINT_XOR) >>> 0;
}

/**
 * The key of the long-term credential mechanism, MD5(username ":" realm ":" password) (RFC 8489, section 9.2.2).
 * The strings are taken as they are: who uses other than ASCII prepares them first (OpaqueString, or SASLprep with an
 * RFC 5389 peer).
 */
export function longTermKey(username: string, realm: string, password: string): Buffer {
  return createHash('md5').update(`${username}:${realm}:${password}`).digest();
}

/** The key of the short-term credential mechanism: the password itself (RFC 8489, section 9.1.1). */
export function shortTermKey(password: string): Buffer {
  return Buffer.from(password, 'utf8');
}
