import { attributeCodecs, type AttributeCodec } from './attribute-codecs.js';
import { attributeType } from './attribute-types.js';
import { ATTRIBUTE_HEADER_LENGTH, HEADER_LENGTH, TRANSACTION_ID_LENGTH } from './header.js';
import { FINGERPRINT_LENGTH, fingerprintOf, INTEGRITY_LENGTH, integrityOf } from './integrity.js';
import { encodeMessageType, type StunClass, type StunMethod } from './message-type.js';
import type { StunAttributes } from './stun-attributes.js';
import { encodeAttribute, packMessage, type EncodedAttribute } from './stun-package.js';

const MAX_BODY_LENGTH = 0xfffc;
const codecs = Object.entries(attributeCodecs) as [keyof StunAttributes, AttributeCodec<unknown>][];

export interface StunMessageFields extends StunAttributes {
  readonly class: StunClass;
  readonly method: StunMethod;
  /** 12 bytes, unpredictable for requests (RFC 8489, section 5). */
  readonly transactionId: Uint8Array;
  /** Adds MESSAGE-INTEGRITY under this key: see {@link longTermKey} and {@link shortTermKey}. */
  readonly integrityKey?: Uint8Array | undefined;
  /** Adds FINGERPRINT. @default false */
  readonly fingerprint?: boolean | undefined;
}

/**
 * Encodes a STUN or TURN message: attributes in the order of {@link StunAttributes}, then MESSAGE-INTEGRITY, then
 * FINGERPRINT.
 * @throws {RangeError} when a value does not fit its attribute, or the attributes do not fit one message (65532 bytes;
 * one UDP datagram holds less).
 */
export function encodeStunMessage(fields: StunMessageFields): Buffer {
  if (fields.transactionId.length !== TRANSACTION_ID_LENGTH) throw new RangeError('a transaction id has 12 bytes');
  const transactionId = Buffer.from(fields.transactionId);
  const attributes: EncodedAttribute[] = [];
  for (const [name, codec] of codecs) {
    const value = fields[name];
    if (value === undefined) continue;
    for (const args of codec.toStunPackage(value)) attributes.push(encodeAttribute(codec.type, args, transactionId));
  }
  // Both go in as zeros and are filled in afterwards: the package would encode the whole message again for each.
  if (fields.integrityKey)
    attributes.push({ type: attributeType.messageIntegrity, value: Buffer.alloc(INTEGRITY_LENGTH) });
  if (fields.fingerprint) attributes.push({ type: attributeType.fingerprint, value: Buffer.alloc(FINGERPRINT_LENGTH) });

  const bodyLength = attributes.reduce(
    (sum, { value }) => sum + ATTRIBUTE_HEADER_LENGTH + ((value.length + 3) & ~3),
    0,
  );
  if (bodyLength > MAX_BODY_LENGTH) throw new RangeError(`STUN message of ${bodyLength + HEADER_LENGTH} bytes`);

  const message = packMessage(encodeMessageType(fields.class, fields.method), transactionId, attributes);
  let end = message.length;
  const fingerprintAt = fields.fingerprint ? (end -= ATTRIBUTE_HEADER_LENGTH + FINGERPRINT_LENGTH) : undefined;
  const integrityAt = fields.integrityKey ? end - ATTRIBUTE_HEADER_LENGTH - INTEGRITY_LENGTH : undefined;
  if (fields.integrityKey && integrityAt !== undefined) {
    integrityOf(message, integrityAt, fields.integrityKey).copy(message, integrityAt + ATTRIBUTE_HEADER_LENGTH);
  }
  if (fingerprintAt !== undefined) {
    message.writeUInt32BE(fingerprintOf(message, fingerprintAt), fingerprintAt + ATTRIBUTE_HEADER_LENGTH);
  }
  return message;
}
