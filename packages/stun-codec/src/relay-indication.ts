import type { TransportAddress } from './address.js';
import { encodeXorAddressValue } from './address-value.js';
import { attributeType } from './attribute-types.js';
import { ATTRIBUTE_HEADER_LENGTH, HEADER_LENGTH, MAGIC_COOKIE, TRANSACTION_ID_LENGTH } from './header.js';
import { encodeMessageType } from './message-type.js';

/** The largest DATA for which a Send or Data indication with an IPv6 peer still has a valid length field. */
export const MAX_INDICATION_DATA_LENGTH = 65_504;

/**
 * A TURN Send or Data indication (RFC 8656, section 11): XOR-PEER-ADDRESS and DATA. By hand, unlike
 * {@link encodeStunMessage}, because it is made once per relayed packet where no channel is bound.
 * @throws {RangeError} when `data` exceeds {@link MAX_INDICATION_DATA_LENGTH} or the transaction id is not 12 bytes.
 */
export function encodeRelayIndication(
  method: 'send' | 'data',
  transactionId: Uint8Array,
  peer: TransportAddress,
  data: Uint8Array,
): Buffer {
  if (transactionId.length !== TRANSACTION_ID_LENGTH) throw new RangeError('a transaction id has 12 bytes');
  if (data.length > MAX_INDICATION_DATA_LENGTH) throw new RangeError(`indication with ${data.length} bytes of data`);
  const address = encodeXorAddressValue(peer, transactionId);
  const dataAt = HEADER_LENGTH + ATTRIBUTE_HEADER_LENGTH + address.length;
  const message = Buffer.alloc(dataAt + ATTRIBUTE_HEADER_LENGTH + ((data.length + 3) & ~3));
  message.writeUInt16BE(encodeMessageType('indication', method), 0);
  message.writeUInt16BE(message.length - HEADER_LENGTH, 2);
  message.writeUInt32BE(MAGIC_COOKIE, 4);
  message.set(transactionId, 8);
  message.writeUInt16BE(attributeType.xorPeerAddress, HEADER_LENGTH);
  message.writeUInt16BE(address.length, HEADER_LENGTH + 2);
  message.set(address, HEADER_LENGTH + ATTRIBUTE_HEADER_LENGTH);
  message.writeUInt16BE(attributeType.data, dataAt);
  message.writeUInt16BE(data.length, dataAt + 2);
  message.set(data, dataAt + ATTRIBUTE_HEADER_LENGTH);
  return message;
}
