/** Attribute types by their RFC names: RFC 8489 (STUN), 8445 (ICE), 8656 (TURN), 5780 (behaviour discovery). */
export const attributeType = {
  mappedAddress: 0x0001,
  changeRequest: 0x0003,
  sourceAddress: 0x0004,
  changedAddress: 0x0005,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  channelNumber: 0x000c,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayedAddress: 0x0016,
  requestedAddressFamily: 0x0017,
  evenPort: 0x0018,
  requestedTransport: 0x0019,
  dontFragment: 0x001a,
  xorMappedAddress: 0x0020,
  reservationToken: 0x0022,
  priority: 0x0024,
  useCandidate: 0x0025,
  padding: 0x0026,
  responsePort: 0x0027,
  software: 0x8022,
  alternateServer: 0x8023,
  fingerprint: 0x8028,
  iceControlled: 0x8029,
  iceControlling: 0x802a,
  responseOrigin: 0x802b,
  otherAddress: 0x802c,
  /**
   * CANDIDATE-TYPE, our own: comprehension-optional, so other agents skip it; unassigned in IANA's registry.
   * Value: one byte candidate type (0 host, 1 server-reflexive, 2 peer-reflexive, 3 relayed), three zero bytes, and
   * optionally the sender's candidate generation as a 32-bit unsigned integer.
   */
  candidateType: 0xc0b7,
} as const;

/**
 * RFC 3489's SOURCE-ADDRESS and CHANGED-ADDRESS count as known and are skipped: old servers still put them into every
 * response, and they ask nothing of the receiver.
 */
const knownTypes: ReadonlySet<number> = new Set(Object.values(attributeType));

/** Types below 0x8000 are comprehension-required: who does not know one answers 420 (RFC 8489, section 6.3.1). */
export function isUnknownRequired(type: number): boolean {
  return type < 0x8000 && !knownTypes.has(type);
}
