import type { TransportAddress } from './address.js';
import { addressValueLength, writeAddressValue } from './address-value.js';
import { attributeType } from './attribute-types.js';
import { ATTRIBUTE_HEADER_LENGTH, HEADER_LENGTH, MAGIC_COOKIE, TRANSACTION_ID_LENGTH } from './header.js';
import { FINGERPRINT_LENGTH, fingerprintOf } from './integrity.js';
import { encodeMessageType, type StunMethod } from './message-type.js';

/** Cookie and transaction id follow each other in the header. */
const COOKIE_AT = 4;

/** What a server answers before it knows who asks: the few attributes that such an answer cannot do without. */
export interface BareResponse {
  readonly method: StunMethod;
  /** 12 bytes, the request's. */
  readonly transactionId: Uint8Array;
  /** 300 to 699: an error response. Left out: a success response. */
  readonly errorCode?: number | undefined;
  /** Reason phrase; at most 127 characters. @default '' */
  readonly reason?: string | undefined;
  readonly realm?: string | undefined;
  readonly nonce?: string | undefined;
  /** Attribute types. */
  readonly unknownAttributes?: readonly number[] | undefined;
  readonly mappedAddress?: TransportAddress | undefined;
  readonly responseOrigin?: TransportAddress | undefined;
  readonly otherAddress?: TransportAddress | undefined;
  /** Adds FINGERPRINT. @default false */
  readonly fingerprint?: boolean | undefined;
}

/**
 * Encodes an unsigned response. By hand, unlike {@link encodeStunMessage}, and into one piece of a pool: anybody can have it
 * made, as often as he likes, so it costs little more than reading the request does.
 * @throws {RangeError} when the transaction id is not 12 bytes.
 */
export function encodeBareResponse(response: BareResponse): Buffer {
  const { errorCode, transactionId, realm, nonce, unknownAttributes: unknown } = response;
  if (transactionId.length !== TRANSACTION_ID_LENGTH) throw new RangeError('a transaction id has 12 bytes');
  const length =
    HEADER_LENGTH +
    (errorCode === undefined ? 0 : sizeOf(4 + Buffer.byteLength(response.reason ?? ''))) +
    (realm === undefined ? 0 : sizeOf(Buffer.byteLength(realm))) +
    (nonce === undefined ? 0 : sizeOf(Buffer.byteLength(nonce))) +
    (unknown === undefined ? 0 : sizeOf(2 * unknown.length)) +
    addressSize(response.mappedAddress) +
    addressSize(response.responseOrigin) +
    addressSize(response.otherAddress) +
    (response.fingerprint ? sizeOf(FINGERPRINT_LENGTH) : 0);
  const message = Buffer.allocUnsafe(length).fill(0);
  message.writeUInt16BE(encodeMessageType(errorCode === undefined ? 'success' : 'error', response.method), 0);
  message.writeUInt16BE(length - HEADER_LENGTH, 2);
  message.writeUInt32BE(MAGIC_COOKIE, 4);
  message.set(transactionId, 8);
  let at = HEADER_LENGTH;
  if (errorCode !== undefined) {
    const reasonLength = message.write(response.reason ?? '', at + ATTRIBUTE_HEADER_LENGTH + 4);
    message[at + ATTRIBUTE_HEADER_LENGTH + 2] = Math.floor(errorCode / 100);
    message[at + ATTRIBUTE_HEADER_LENGTH + 3] = errorCode % 100;
    at = writeHeader(message, at, attributeType.errorCode, 4 + reasonLength);
  }
  if (realm !== undefined)
    at = writeHeader(message, at, attributeType.realm, message.write(realm, at + ATTRIBUTE_HEADER_LENGTH));
  if (nonce !== undefined)
    at = writeHeader(message, at, attributeType.nonce, message.write(nonce, at + ATTRIBUTE_HEADER_LENGTH));
  if (unknown !== undefined) {
    for (const [i, type] of unknown.entries()) message.writeUInt16BE(type, at + ATTRIBUTE_HEADER_LENGTH + 2 * i);
    at = writeHeader(message, at, attributeType.unknownAttributes, 2 * unknown.length);
  }
  at = writeAddress(message, at, attributeType.xorMappedAddress, response.mappedAddress, COOKIE_AT);
  at = writeAddress(message, at, attributeType.responseOrigin, response.responseOrigin);
  at = writeAddress(message, at, attributeType.otherAddress, response.otherAddress);
  if (response.fingerprint) {
    message.writeUInt32BE(fingerprintOf(message, at), at + ATTRIBUTE_HEADER_LENGTH);
    writeHeader(message, at, attributeType.fingerprint, FINGERPRINT_LENGTH);
  }
  return message;
}

function sizeOf(valueLength: number): number {
  return ATTRIBUTE_HEADER_LENGTH + ((valueLength + 3) & ~3);
}

function addressSize(address: TransportAddress | undefined): number {
  return address === undefined ? 0 : sizeOf(addressValueLength(address));
}

/** @returns where the next attribute begins. */
function writeHeader(message: Buffer, at: number, type: number, valueLength: number): number {
  message.writeUInt16BE(type, at);
  message.writeUInt16BE(valueLength, at + 2);
  return at + sizeOf(valueLength);
}

/** @param xorAt where in the message the bytes begin that it is XORed with: cookie and transaction id. */
function writeAddress(
  message: Buffer,
  at: number,
  type: number,
  address: TransportAddress | undefined,
  xorAt?: number,
): number {
  if (address === undefined) return at;
  const valueAt = at + ATTRIBUTE_HEADER_LENGTH;
  writeAddressValue(message, valueAt, address);
  const valueLength = addressValueLength(address);
  if (xorAt !== undefined) {
    // Port and address each from the cookie on.
    for (let i = 2; i < valueLength; i++) {
      const key = message[xorAt + (i < 4 ? i - 2 : i - 4)] ?? 0;
      message[valueAt + i] = (message[valueAt + i] ?? 0) ^ key;
    }
  }
  return writeHeader(message, at, type, valueLength);
}
