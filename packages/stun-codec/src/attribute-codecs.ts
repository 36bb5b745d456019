import { isUtf8 } from 'node:buffer';
import type { TransportAddress } from './address.js';
import { decodeAddressValue, decodeXorAddressValue } from './address-value.js';
import { attributeType as at } from './attribute-types.js';
import type { CandidateType, StunAttributes } from './stun-attributes.js';
import type { StunPackageArguments } from './stun-package.js';

/** How one attribute of {@link StunAttributes} goes to npm `stun` and comes back from the raw bytes. */
export interface AttributeCodec<T, Decoded extends T = T> {
  readonly type: number;
  /**
   * The constructor arguments that npm `stun` wants, once for every attribute to write.
   * @throws {RangeError} when the value does not fit: `stun` itself would silently write a zero or nothing.
   */
  toStunPackage(value: T): readonly StunPackageArguments[];
  /** Never throws; undefined when malformed. */
  decode(value: Buffer, transactionId: Buffer): Decoded | undefined;
}

type Codecs = { readonly [K in keyof StunAttributes]-?: AttributeCodec<NonNullable<StunAttributes[K]>> };

/**
 * The order is the order on the wire. Values are read from the raw bytes, never by npm `stun`, whose decoder throws on
 * hostile input and gets ERROR-CODE wrong.
 */
export const attributeCodecs = {
  software: text(at.software, 763),
  username: text(at.username, 508),
  nonce: text(at.nonce, 763),
  realm: text(at.realm, 763),
  errorCode: {
    type: at.errorCode,
    toStunPackage: ({ code, reason }) => {
      inRange('error code', code, 699, 300);
      if (reason.length > 127) throw new RangeError('ERROR-CODE: reason of more than 127 characters');
      return [[code, reason]];
    },
    decode: (value) => {
      if (value.length < 4) return undefined;
      const hundreds = value.readUInt8(2) & 0x07;
      const rest = value.readUInt8(3);
      if (hundreds < 3 || hundreds > 6 || rest > 99) return undefined;
      return { code: hundreds * 100 + rest, reason: value.toString('utf8', 4, Math.min(value.length, 4 + 763)) };
    },
  },
  unknownAttributes: {
    type: at.unknownAttributes,
    toStunPackage: (types) => [[types.map((type) => inRange('attribute type', type, 0xffff))]],
    decode: (value) =>
      value.length % 2 === 0
        ? Array.from({ length: value.length / 2 }, (_, i) => value.readUInt16BE(2 * i))
        : undefined,
  },
  mappedAddress: xorAddress(at.xorMappedAddress),
  alternateServer: plainAddress(at.alternateServer),
  priority: uint32(at.priority, 'priority'),
  useCandidate: flag(at.useCandidate),
  iceControlled: uint64(at.iceControlled),
  iceControlling: uint64(at.iceControlling),
  iceCandidateType: candidateType(),
  changeRequest: {
    type: at.changeRequest,
    toStunPackage: ({ changeIp, changePort }) => [[(changeIp ? 0x4 : 0) | (changePort ? 0x2 : 0)]],
    decode: (value) => {
      if (value.length !== 4) return undefined;
      const flags = value.readUInt8(3);
      return { changeIp: (flags & 0x4) !== 0, changePort: (flags & 0x2) !== 0 };
    },
  },
  responsePort: {
    type: at.responsePort,
    // Port and two bytes of padding are the value; some implementations count only the port as value.
    toStunPackage: (port) => [[fourBytes((bytes) => bytes.writeUInt16BE(inRange('port', port, 0xffff), 0))]],
    decode: (value) => (value.length === 4 || value.length === 2 ? value.readUInt16BE(0) : undefined),
  },
  padding: byteString(at.padding),
  responseOrigin: plainAddress(at.responseOrigin),
  otherAddress: plainAddress(at.otherAddress),
  lifetimeSeconds: uint32(at.lifetime, 'lifetime'),
  requestedTransport: {
    type: at.requestedTransport,
    // npm `stun` takes the whole 32-bit word: protocol in the top byte, the rest reserved.
    toStunPackage: (protocol) => [[inRange('transport protocol', protocol, 0xff) * 0x1000000]],
    decode: (value) => (value.length === 4 ? value.readUInt8(0) : undefined),
  },
  requestedAddressFamily: {
    type: at.requestedAddressFamily,
    toStunPackage: (family) => [[Buffer.from([family === 4 ? 1 : 2, 0, 0, 0])]],
    decode: (value) => (value.length !== 4 ? undefined : value[0] === 1 ? 4 : value[0] === 2 ? 6 : undefined),
  },
  evenPort: {
    type: at.evenPort,
    toStunPackage: ({ reserveNext }) => [[Buffer.from([reserveNext ? 0x80 : 0])]],
    decode: (value) => (value.length === 1 ? { reserveNext: (value.readUInt8(0) & 0x80) !== 0 } : undefined),
  },
  dontFragment: flag(at.dontFragment),
  reservationToken: byteString(at.reservationToken, 8),
  relayedAddress: xorAddress(at.xorRelayedAddress),
  channelNumber: {
    type: at.channelNumber,
    // npm `stun` takes the whole 32-bit word: channel in the upper half, the rest reserved.
    toStunPackage: (channel) => [[inRange('channel', channel, 0xffff) * 0x10000]],
    decode: (value) => (value.length === 4 ? value.readUInt16BE(0) : undefined),
  },
  peerAddresses: {
    type: at.xorPeerAddress,
    toStunPackage: (addresses) => addresses.map(addressArguments),
    decode: (value, transactionId) => {
      const address = decodeXorAddressValue(value, transactionId);
      return address && [address];
    },
  },
  data: byteString(at.data),
} satisfies Codecs;

/** RFC 3489's attribute: read where XOR-MAPPED-ADDRESS is missing, never written. */
export const plainMappedAddress = plainAddress(at.mappedAddress);

function inRange(what: string, value: number, max: number, min = 0): number {
  if (!Number.isInteger(value) || value < min || value > max) throw new RangeError(`not a ${what}: ${value}`);
  return value;
}

function fourBytes(write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(4);
  write(bytes);
  return bytes;
}

function addressArguments(address: TransportAddress): StunPackageArguments {
  return [address.ip.split('%', 1).join(), address.port];
}

function text(type: number, maxBytes: number): AttributeCodec<string> {
  return {
    type,
    toStunPackage: (value) => {
      // The value may be a credential: say its length only.
      const length = Buffer.byteLength(value);
      if (length > maxBytes)
        throw new RangeError(`attribute 0x${type.toString(16)}: ${length} bytes, at most ${maxBytes}`);
      return [[value]];
    },
    decode: (value) => (value.length <= maxBytes && isUtf8(value) ? value.toString('utf8') : undefined),
  };
}

function flag(type: number): AttributeCodec<boolean> {
  return {
    type,
    toStunPackage: (value) => (value ? [[Buffer.alloc(0)]] : []),
    decode: (value) => (value.length === 0 ? true : undefined),
  };
}

function uint32(type: number, what: string): AttributeCodec<number> {
  return {
    type,
    toStunPackage: (value) => [[inRange(what, value, 0xffffffff)]],
    decode: (value) => (value.length === 4 ? value.readUInt32BE(0) : undefined),
  };
}

function uint64(type: number): AttributeCodec<bigint> {
  return {
    type,
    toStunPackage: (value) => {
      if (value !== BigInt.asUintN(64, value)) throw new RangeError('tie-breaker of more than 64 bits');
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(value);
      return [[bytes]];
    },
    decode: (value) => (value.length === 8 ? value.readBigUInt64BE(0) : undefined),
  };
}

function byteString(type: number, length?: number): AttributeCodec<Uint8Array, Buffer> {
  return {
    type,
    toStunPackage: (value) => {
      inRange('value length', value.length, length ?? 0xffff, length);
      return [[Buffer.from(value.buffer, value.byteOffset, value.byteLength)]];
    },
    decode: (value) => (length === undefined || value.length === length ? value : undefined),
  };
}

function plainAddress(type: number): AttributeCodec<TransportAddress> {
  return { type, toStunPackage: (address) => [addressArguments(address)], decode: decodeAddressValue };
}

function xorAddress(type: number): AttributeCodec<TransportAddress> {
  return { type, toStunPackage: (address) => [addressArguments(address)], decode: decodeXorAddressValue };
}

function candidateType(): Codecs['iceCandidateType'] {
  const types: readonly CandidateType[] = ['host', 'server-reflexive', 'peer-reflexive', 'relayed'];
  return {
    type: at.candidateType,
    toStunPackage: ({ type, generation }) => {
      const bytes = Buffer.alloc(generation === undefined ? 4 : 8);
      bytes[0] = types.indexOf(type);
      if (generation !== undefined) bytes.writeUInt32BE(inRange('generation', generation, 0xffffffff), 4);
      return [[bytes]];
    },
    decode: (value) => {
      const type = types[value[0] ?? types.length];
      if (type === undefined) return undefined;
      if (value.length === 4) return { type };
      return value.length === 8 ? { type, generation: value.readUInt32BE(4) } : undefined;
    },
  };
}
