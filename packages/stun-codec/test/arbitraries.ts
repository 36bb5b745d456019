import fc from 'fast-check';
import { transportAddress, type StunMessageFields, type TransportAddress } from '@wirepath/stun-codec';

const group = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(0xffff) });

/** IPv6 in full, uncompressed form, with runs of zeros more often than chance would have them. */
export const ipv6Text = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((g) => g.toString(16)).join(':'));

export const anyAddress: fc.Arbitrary<TransportAddress> = fc
  .tuple(fc.oneof(fc.ipV4(), ipv6Text), fc.nat(0xffff))
  .map(([ip, port]) => transportAddress(ip, port));

export const uint32 = fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 0x7fffffff, 0x80000000, 0xffffffff));
const uint64 = fc.bigInt({ min: 0n, max: 0xffffffffffffffffn });
const bytes = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength }).map((b) => Buffer.from(b));
const text = (maxBytes: number) =>
  fc.string({ unit: 'grapheme', maxLength: 100 }).filter((s) => Buffer.byteLength(s) <= maxBytes);

/** A value for every attribute that the codec knows. */
export const attributeValues = {
  software: text(763),
  username: text(508),
  nonce: text(763),
  realm: text(763),
  errorCode: fc.record({
    code: fc.integer({ min: 300, max: 699 }),
    reason: fc.string({ unit: 'grapheme', maxLength: 60 }).filter((s) => s.length <= 127),
  }),
  unknownAttributes: fc.uniqueArray(fc.nat(0xffff), { maxLength: 30 }),
  mappedAddress: anyAddress,
  alternateServer: anyAddress,
  priority: uint32,
  useCandidate: fc.constant(true),
  iceControlled: uint64,
  iceControlling: uint64,
  iceCandidateType: fc.record(
    { type: fc.constantFrom('host', 'server-reflexive', 'peer-reflexive', 'relayed'), generation: uint32 },
    { requiredKeys: ['type'] },
  ),
  changeRequest: fc.record({ changeIp: fc.boolean(), changePort: fc.boolean() }),
  responsePort: fc.nat(0xffff),
  padding: bytes(200),
  responseOrigin: anyAddress,
  otherAddress: anyAddress,
  lifetimeSeconds: uint32,
  requestedTransport: fc.nat(0xff),
  requestedAddressFamily: fc.constantFrom(4, 6),
  evenPort: fc.record({ reserveNext: fc.boolean() }),
  dontFragment: fc.constant(true),
  reservationToken: bytes(8, 8),
  relayedAddress: anyAddress,
  channelNumber: fc.nat(0xffff),
  peerAddresses: fc.array(anyAddress, { minLength: 1, maxLength: 10 }),
  data: bytes(300),
} as const;

export type AttributeName = keyof typeof attributeValues;
export const attributeNames = Object.keys(attributeValues) as AttributeName[];

/** Whole messages: any class and method, some of the attributes, with and without integrity and fingerprint. */
export const anyMessage = fc.record(
  {
    class: fc.constantFrom('request', 'indication', 'success', 'error'),
    method: fc.oneof(
      fc.constantFrom('binding', 'allocate', 'refresh', 'send', 'data', 'create-permission', 'channel-bind'),
      fc.constantFrom(0, 2, 0x7f, 0x80, 0xfff),
    ),
    transactionId: bytes(12, 12),
    integrityKey: bytes(32, 1),
    fingerprint: fc.boolean(),
    ...attributeValues,
  },
  { requiredKeys: ['class', 'method', 'transactionId'] },
) as fc.Arbitrary<StunMessageFields>;
