import { timingSafeEqual } from 'node:crypto';
import type { TransportAddress } from './address.js';
import { attributeCodecs as codecs, plainMappedAddress, type AttributeCodec } from './attribute-codecs.js';
import { attributeType, isUnknownRequired } from './attribute-types.js';
import { ATTRIBUTE_HEADER_LENGTH, HEADER_LENGTH, isStunMessage, transactionKey } from './header.js';
import { FINGERPRINT_LENGTH, fingerprintOf, INTEGRITY_LENGTH, integrityOf } from './integrity.js';
import { classOfMessageType, methodOfMessageType, type StunClass, type StunMethod } from './message-type.js';
import type { StunAttributes } from './stun-attributes.js';

/** More than any honest message has (a CreatePermission with a peer per packet filter included). */
export const MAX_ATTRIBUTES = 64;

interface RawAttribute {
  readonly type: number;
  readonly value: Buffer;
}

interface Layout {
  /** Attributes in order, without what follows MESSAGE-INTEGRITY, nor MESSAGE-INTEGRITY and FINGERPRINT themselves. */
  readonly attributes: readonly RawAttribute[];
  readonly integrityAt: number | undefined;
  readonly fingerprintAt: number | undefined;
}

/**
 * Decodes one datagram. Strict: top bits, magic cookie, exact length, every attribute within the message, at most
 * {@link MAX_ATTRIBUTES} of them, nothing after FINGERPRINT. Integrity and fingerprint are not checked here.
 * @returns undefined for anything else; never throws.
 */
export function decodeStunMessage(bytes: Uint8Array): StunMessage | undefined {
  if (!isStunMessage(bytes)) return undefined;
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const layout = parseAttributes(message);
  return layout && new StunMessage(message, layout);
}

function parseAttributes(message: Buffer): Layout | undefined {
  const attributes: RawAttribute[] = [];
  let integrityAt: number | undefined;
  let fingerprintAt: number | undefined;
  let count = 0;
  for (let at = HEADER_LENGTH; at < message.length;) {
    // Lengths are multiples of 4, so a last fragment always has the 4 bytes of an attribute header.
    if (fingerprintAt !== undefined || ++count > MAX_ATTRIBUTES) return undefined;
    const type = message.readUInt16BE(at);
    const length = message.readUInt16BE(at + 2);
    const valueAt = at + ATTRIBUTE_HEADER_LENGTH;
    const next = valueAt + ((length + 3) & ~3);
    if (next > message.length) return undefined;
    if (type === attributeType.fingerprint) {
      if (length !== FINGERPRINT_LENGTH) return undefined;
      fingerprintAt = at;
    } else if (integrityAt === undefined) {
      if (type === attributeType.messageIntegrity) {
        if (length !== INTEGRITY_LENGTH) return undefined;
        integrityAt = at;
      } else {
        attributes.push({ type, value: message.subarray(valueAt, valueAt + length) });
      }
    }
    at = next;
  }
  return { attributes, integrityAt, fingerprintAt };
}

/**
 * A message that {@link decodeStunMessage} let in. Attributes are read when asked for; where one occurs twice the first
 * counts (RFC 8489, section 14), but for XOR-PEER-ADDRESS. `bytes`, `transactionId`, `data`, `padding` and
 * `reservationToken` are views of the datagram: copy what must outlive a receive buffer that is used again.
 */
export class StunMessage implements StunAttributes {
  readonly class: StunClass;
  readonly method: StunMethod;
  /** The datagram. */
  readonly bytes: Buffer;
  /** 12 bytes. */
  readonly transactionId: Buffer;
  readonly #layout: Layout;

  /** @internal Made by {@link decodeStunMessage} only. */
  constructor(bytes: Buffer, layout: Layout) {
    const type = bytes.readUInt16BE(0);
    this.class = classOfMessageType(type);
    this.method = methodOfMessageType(type);
    this.bytes = bytes;
    this.transactionId = bytes.subarray(8, HEADER_LENGTH);
    this.#layout = layout;
  }

  /** The transaction id as the key of a Map: 24 hexadecimal digits, as {@link transactionKey} makes it. */
  get transactionKey(): string {
    return transactionKey(this.transactionId);
  }

  /** Comprehension-required attributes that we do not know, each type once: a request with one is answered 420. */
  get unknownRequired(): number[] {
    return [...new Set(this.#layout.attributes.map(({ type }) => type).filter(isUnknownRequired))];
  }

  get hasIntegrity(): boolean {
    return this.#layout.integrityAt !== undefined;
  }

  get hasFingerprint(): boolean {
    return this.#layout.fingerprintAt !== undefined;
  }

  /** Whether MESSAGE-INTEGRITY is there and right under this key; in constant time. */
  verifyIntegrity(key: Uint8Array): boolean {
    const at = this.#layout.integrityAt;
    if (at === undefined) return false;
    const value = at + ATTRIBUTE_HEADER_LENGTH;
    return timingSafeEqual(integrityOf(this.bytes, at, key), this.bytes.subarray(value, value + INTEGRITY_LENGTH));
  }

  /** Whether FINGERPRINT is there and right. */
  verifyFingerprint(): boolean {
    const at = this.#layout.fingerprintAt;
    return at !== undefined && fingerprintOf(this.bytes, at) === this.bytes.readUInt32BE(at + ATTRIBUTE_HEADER_LENGTH);
  }

  get software(): string | undefined {
    return this.#read(codecs.software);
  }
  get username(): string | undefined {
    return this.#read(codecs.username);
  }
  get nonce(): string | undefined {
    return this.#read(codecs.nonce);
  }
  get realm(): string | undefined {
    return this.#read(codecs.realm);
  }
  get errorCode(): { readonly code: number; readonly reason: string } | undefined {
    return this.#read(codecs.errorCode);
  }
  get unknownAttributes(): readonly number[] | undefined {
    return this.#read(codecs.unknownAttributes);
  }
  get mappedAddress(): TransportAddress | undefined {
    return this.#read(codecs.mappedAddress) ?? this.#read(plainMappedAddress);
  }
  get alternateServer(): TransportAddress | undefined {
    return this.#read(codecs.alternateServer);
  }
  get priority(): number | undefined {
    return this.#read(codecs.priority);
  }
  get useCandidate(): boolean {
    return this.#read(codecs.useCandidate) ?? false;
  }
  get iceControlled(): bigint | undefined {
    return this.#read(codecs.iceControlled);
  }
  get iceControlling(): bigint | undefined {
    return this.#read(codecs.iceControlling);
  }
  get iceCandidateType(): StunAttributes['iceCandidateType'] {
    return this.#read(codecs.iceCandidateType);
  }
  get changeRequest(): StunAttributes['changeRequest'] {
    return this.#read(codecs.changeRequest);
  }
  get responsePort(): number | undefined {
    return this.#read(codecs.responsePort);
  }
  get padding(): Buffer | undefined {
    return this.#read(codecs.padding);
  }
  get responseOrigin(): TransportAddress | undefined {
    return this.#read(codecs.responseOrigin);
  }
  get otherAddress(): TransportAddress | undefined {
    return this.#read(codecs.otherAddress);
  }
  get lifetimeSeconds(): number | undefined {
    return this.#read(codecs.lifetimeSeconds);
  }
  get requestedTransport(): number | undefined {
    return this.#read(codecs.requestedTransport);
  }
  get requestedAddressFamily(): 4 | 6 | undefined {
    return this.#read(codecs.requestedAddressFamily);
  }
  get evenPort(): StunAttributes['evenPort'] {
    return this.#read(codecs.evenPort);
  }
  get dontFragment(): boolean {
    return this.#read(codecs.dontFragment) ?? false;
  }
  get reservationToken(): Buffer | undefined {
    return this.#read(codecs.reservationToken);
  }
  get relayedAddress(): TransportAddress | undefined {
    return this.#read(codecs.relayedAddress);
  }
  get channelNumber(): number | undefined {
    return this.#read(codecs.channelNumber);
  }
  /** All of them in order; empty when there is none or one is malformed, so that a bad request is wholly refused. */
  get peerAddresses(): readonly TransportAddress[] {
    const addresses: TransportAddress[] = [];
    for (const { type, value } of this.#layout.attributes) {
      if (type !== codecs.peerAddresses.type) continue;
      const address = codecs.peerAddresses.decode(value, this.transactionId);
      if (!address) return [];
      addresses.push(...address);
    }
    return addresses;
  }
  get data(): Buffer | undefined {
    return this.#read(codecs.data);
  }

  #read<T, Decoded extends T>(codec: AttributeCodec<T, Decoded>): Decoded | undefined {
    const found = this.#layout.attributes.find(({ type }) => type === codec.type);
    return found && codec.decode(found.value, this.transactionId);
  }
}
