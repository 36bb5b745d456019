/**
 * The four WireGuard messages (paper section 5.4). Every integer is little endian; the type byte is followed by three
 * zero bytes. Decoders are strict: they return undefined unless length and header are exactly right, and never throw.
 * The fields of a decoded message are views into the datagram.
 */

export const MESSAGE_INITIATION = 1;
export const MESSAGE_RESPONSE = 2;
export const MESSAGE_COOKIE_REPLY = 3;
export const MESSAGE_TRANSPORT_DATA = 4;

export const INITIATION_BYTES = 148;
export const RESPONSE_BYTES = 92;
export const COOKIE_REPLY_BYTES = 64;
export const TRANSPORT_HEADER_BYTES = 16;
/** A keepalive: header and tag around nothing. */
export const TRANSPORT_MIN_BYTES = 32;

/** mac1 and mac2 end an initiation and a response. */
export const MACS_BYTES = 32;

export interface Initiation {
  readonly sender: number;
  /** Unencrypted ephemeral public key, 32 bytes. */
  readonly ephemeral: Uint8Array;
  /** Sealed static public key, 48 bytes. */
  readonly sealedStatic: Uint8Array;
  /** Sealed TAI64N timestamp, 28 bytes. */
  readonly sealedTimestamp: Uint8Array;
}

export interface Response {
  readonly sender: number;
  readonly receiver: number;
  readonly ephemeral: Uint8Array;
  /** Sealed empty string, 16 bytes. */
  readonly sealedNothing: Uint8Array;
}

export interface CookieReply {
  readonly receiver: number;
  /** 24 bytes. */
  readonly nonce: Uint8Array;
  /** Sealed cookie, 32 bytes. */
  readonly sealedCookie: Uint8Array;
}

/** @returns the message type when the datagram has that type's header and a possible length, else undefined. */
export function messageType(datagram: Uint8Array): 1 | 2 | 3 | 4 | undefined {
  const length = datagram.length;
  if (length < TRANSPORT_MIN_BYTES || datagram[1] !== 0 || datagram[2] !== 0 || datagram[3] !== 0) return undefined;
  switch (datagram[0]) {
    case MESSAGE_TRANSPORT_DATA:
      return MESSAGE_TRANSPORT_DATA;
    case MESSAGE_INITIATION:
      return length === INITIATION_BYTES ? MESSAGE_INITIATION : undefined;
    case MESSAGE_RESPONSE:
      return length === RESPONSE_BYTES ? MESSAGE_RESPONSE : undefined;
    case MESSAGE_COOKIE_REPLY:
      return length === COOKIE_REPLY_BYTES ? MESSAGE_COOKIE_REPLY : undefined;
    default:
      return undefined;
  }
}

/** Whether the initiation at `offset` has a second mac: without a cookie it is zeros. */
export function claimsCookie(view: DataView, offset: number): boolean {
  const at = offset + INITIATION_BYTES - MACS_BYTES / 2;
  return view.getBigUint64(at) !== 0n || view.getBigUint64(at + 8) !== 0n;
}

export function decodeInitiation(datagram: Uint8Array): Initiation | undefined {
  if (messageType(datagram) !== MESSAGE_INITIATION) return undefined;
  return {
    sender: readUint32(datagram, 4),
    ephemeral: datagram.subarray(8, 40),
    sealedStatic: datagram.subarray(40, 88),
    sealedTimestamp: datagram.subarray(88, 116),
  };
}

/** The macs are left zero: `CookieGenerator.addMacs` fills them. */
export function encodeInitiation(message: Initiation): Uint8Array {
  const datagram = new Uint8Array(INITIATION_BYTES);
  datagram[0] = MESSAGE_INITIATION;
  writeUint32(datagram, 4, message.sender);
  datagram.set(message.ephemeral, 8);
  datagram.set(message.sealedStatic, 40);
  datagram.set(message.sealedTimestamp, 88);
  return datagram;
}

export function decodeResponse(datagram: Uint8Array): Response | undefined {
  if (messageType(datagram) !== MESSAGE_RESPONSE) return undefined;
  return {
    sender: readUint32(datagram, 4),
    receiver: readUint32(datagram, 8),
    ephemeral: datagram.subarray(12, 44),
    sealedNothing: datagram.subarray(44, 60),
  };
}

/** The macs are left zero: `CookieGenerator.addMacs` fills them. */
export function encodeResponse(message: Response): Uint8Array {
  const datagram = new Uint8Array(RESPONSE_BYTES);
  datagram[0] = MESSAGE_RESPONSE;
  writeUint32(datagram, 4, message.sender);
  writeUint32(datagram, 8, message.receiver);
  datagram.set(message.ephemeral, 12);
  datagram.set(message.sealedNothing, 44);
  return datagram;
}

export function decodeCookieReply(datagram: Uint8Array): CookieReply | undefined {
  if (messageType(datagram) !== MESSAGE_COOKIE_REPLY) return undefined;
  return {
    receiver: readUint32(datagram, 4),
    nonce: datagram.subarray(8, 32),
    sealedCookie: datagram.subarray(32, 64),
  };
}

export function encodeCookieReply(message: CookieReply): Uint8Array {
  const datagram = new Uint8Array(COOKIE_REPLY_BYTES);
  datagram[0] = MESSAGE_COOKIE_REPLY;
  writeUint32(datagram, 4, message.receiver);
  datagram.set(message.nonce, 8);
  datagram.set(message.sealedCookie, 32);
  return datagram;
}

/**
 * Writes a transport data message's header to `words` (of a machine that is little endian, as all are that Node runs on) at `at`, an
 * index of words; the sealed packet follows at {@link TRANSPORT_HEADER_BYTES}.
 */
export function writeTransportHeader(
  words: Uint32Array,
  at: number,
  receiver: number,
  counterHigh: number,
  counterLow: number,
): void {
  words[at] = MESSAGE_TRANSPORT_DATA;
  words[at + 1] = receiver;
  words[at + 2] = counterLow;
  words[at + 3] = counterHigh;
}

/** Reads an unsigned 32-bit integer; `offset + 4` must lie inside. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] ?? 0) |
      ((bytes[offset + 1] ?? 0) << 8) |
      ((bytes[offset + 2] ?? 0) << 16) |
      ((bytes[offset + 3] ?? 0) << 24)) >>>
    0
  );
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}
