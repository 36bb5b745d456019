/**
 * STUN and TURN messages (RFC 8489, RFC 8656, with the attributes of RFC 8445 and RFC 5780), ChannelData, and the
 * retransmission schedule of a client transaction. Sans-IO: bytes in, values out. Nothing from the network makes it throw.
 *
 * ```ts
 * import { randomBytes } from 'node:crypto';
 * import { decodeStunMessage, encodeStunMessage, formatAddress, shortTermKey, transportAddress } from '@wirepath/stun-codec';
 *
 * const integrityKey = shortTermKey('the password of the check');
 * const request = decodeStunMessage(
 *   encodeStunMessage({ class: 'request', method: 'binding', transactionId: randomBytes(12), username: 'b:a', integrityKey, fingerprint: true }),
 * );
 * if (request?.verifyIntegrity(integrityKey)) {
 *   const response = encodeStunMessage({
 *     class: 'success',
 *     method: request.method,
 *     transactionId: request.transactionId,
 *     mappedAddress: transportAddress('192.0.2.1', 51820),
 *     integrityKey,
 *     fingerprint: true,
 *   });
 *   const mapped = decodeStunMessage(response)?.mappedAddress;
 *   if (mapped) console.log(formatAddress(mapped)); // 192.0.2.1:51820
 * }
 * ```
 *
 * @packageDocumentation
 */
export {
  formatAddress,
  isIPv6,
  parseTransportAddress,
  sameAddress,
  transportAddress,
  tryTransportAddress,
  type TransportAddress,
} from './address.js';
export { addressFromIpBytes, ipToBytes } from './ip-bytes.js';
export { isStunMessage, transactionKey } from './header.js';
export type { StunClass, StunMethod } from './message-type.js';
export type { CandidateType, IceCandidateType, StunAttributes } from './stun-attributes.js';
export { attributeType } from './attribute-types.js';
export { decodeStunMessage, MAX_ATTRIBUTES, type StunMessage } from './stun-message.js';
export { encodeStunMessage, type StunMessageFields } from './encode.js';
export { encodeBareResponse, type BareResponse } from './bare-response.js';
export { encodeRelayIndication, MAX_INDICATION_DATA_LENGTH } from './relay-indication.js';
export { longTermKey, shortTermKey } from './integrity.js';
export {
  CHANNEL_DATA_HEADER_LENGTH,
  decodeChannelData,
  encodeChannelData,
  isChannelData,
  MAX_CHANNEL,
  MAX_LEGACY_CHANNEL,
  MIN_CHANNEL,
  writeChannelDataHeader,
  type ChannelData,
} from './channel-data.js';
export { StreamFrames, streamPadding } from './stream-frames.js';
export { StunTransaction, type StunTransactionOptions } from './transaction.js';
