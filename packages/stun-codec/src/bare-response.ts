import type { TransportAddress } from './address.js';
import { encodeAddressValue, encodeXorAddressValue } from './address-value.js';
import { attributeType } from './attribute-types.js';
import { ATTRIBUTE_HEADER_LENGTH, HEADER_LENGTH, MAGIC_COOKIE, TRANSACTION_ID_LENGTH } from './header.js';
import { FINGERPRINT_LENGTH, fingerprintOf } from './integrity.js';
import { encodeMessageType, type StunMethod } from './message-type.js';

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
 * Encodes an unsigned response. By hand, unlike {@link encodeStunMessage}: anybody can have it made, as often as he likes,
 * so it costs little more than reading the request does.
 * @throws {RangeError} when the transaction id is not 12 bytes.
 */
export function encodeBareResponse(response: BareResponse): Buffer {
  const { errorCode, transactionId } = response;
  if (transactionId.length !== TRANSACTION_ID_LENGTH) throw new RangeError('a transaction id has 12 bytes');
  const attributes = attributesOf(response);
  let length = HEADER_LENGTH + (response.fingerprint ? ATTRIBUTE_HEADER_LENGTH + FINGERPRINT_LENGTH : 0);
  for (const { value } of attributes) length += ATTRIBUTE_HEADER_LENGTH + ((value.length + 3) & ~3);
  const message = Buffer.alloc(length);
  message.writeUInt16BE(encodeMessageType(errorCode === undefined ? 'success' : 'error', response.method), 0);
  message.writeUInt16BE(length - HEADER_LENGTH, 2);
  message.writeUInt32BE(MAGIC_COOKIE, 4);
  message.set(transactionId, 8);
  let at = HEADER_LENGTH;
  for (const { type, value } of attributes) {
    message.writeUInt16BE(type, at);
    message.writeUInt16BE(value.length, at + 2);
    message.set(value, at + ATTRIBUTE_HEADER_LENGTH);
    at += ATTRIBUTE_HEADER_LENGTH + ((value.length + 3) & ~3);
  }
  if (response.fingerprint) {
    message.writeUInt16BE(attributeType.fingerprint, at);
    message.writeUInt16BE(FINGERPRINT_LENGTH, at + 2);
    message.writeUInt32BE(fingerprintOf(message, at), at + ATTRIBUTE_HEADER_LENGTH);
  }
  return message;
}

function attributesOf(response: BareResponse): { readonly type: number; readonly value: Uint8Array }[] {
  const { errorCode, realm, nonce, unknownAttributes, mappedAddress, responseOrigin, otherAddress } = response;
  const attributes: { type: number; value: Uint8Array }[] = [];
  const add = (type: number, value: Uint8Array) => attributes.push({ type, value });
  if (errorCode !== undefined)
    add(
      attributeType.errorCode,
      Buffer.concat([
        Buffer.of(0, 0, Math.floor(errorCode / 100), errorCode % 100),
        Buffer.from(response.reason ?? ''),
      ]),
    );
  if (realm !== undefined) add(attributeType.realm, Buffer.from(realm));
  if (nonce !== undefined) add(attributeType.nonce, Buffer.from(nonce));
  if (unknownAttributes !== undefined)
    add(attributeType.unknownAttributes, Buffer.from(unknownAttributes.flatMap((type) => [type >> 8, type & 0xff])));
  if (mappedAddress !== undefined)
    add(attributeType.xorMappedAddress, encodeXorAddressValue(mappedAddress, response.transactionId));
  if (responseOrigin !== undefined) add(attributeType.responseOrigin, encodeAddressValue(responseOrigin));
  if (otherAddress !== undefined) add(attributeType.otherAddress, encodeAddressValue(otherAddress));
  return attributes;
}
