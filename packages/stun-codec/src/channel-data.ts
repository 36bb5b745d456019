/** ChannelData (RFC 8656, section 12.4): channel number, length, application data. */
export const CHANNEL_DATA_HEADER_LENGTH = 4;
/** The channels that a client may bind: 0x4000 to 0x4FFF (RFC 8656, section 12). */
export const MIN_CHANNEL = 0x4000;
export const MAX_CHANNEL = 0x4fff;
/** RFC 5766 let clients go up to here; a server should still take them. */
export const MAX_LEGACY_CHANNEL = 0x7ffe;

const MAX_PADDING = 3;

export interface ChannelData {
  readonly channel: number;
  /** A view of the datagram, without padding. */
  readonly payload: Buffer;
}

/**
 * Whether a datagram has the form of ChannelData: a channel of 0x4000 to 0x7FFE, and the length that it says, but for at
 * most 3 bytes of padding. The form alone proves nothing: take it only from a TURN server's or client's address.
 * @param offset of the datagram in `bytes`. @default 0 @param sizeBytes of the datagram. @default all that follows
 */
export function isChannelData(bytes: Uint8Array, offset = 0, sizeBytes = bytes.length - offset): boolean {
  if (sizeBytes < CHANNEL_DATA_HEADER_LENGTH) return false;
  const channel = uint16At(bytes, offset);
  const excess = sizeBytes - CHANNEL_DATA_HEADER_LENGTH - uint16At(bytes, offset + 2);
  return channel >= MIN_CHANNEL && channel <= MAX_LEGACY_CHANNEL && excess >= 0 && excess <= MAX_PADDING;
}

/** @returns undefined unless {@link isChannelData}; never throws. */
export function decodeChannelData(bytes: Uint8Array): ChannelData | undefined {
  if (!isChannelData(bytes)) return undefined;
  return {
    channel: uint16At(bytes, 0),
    payload: Buffer.from(bytes.buffer, bytes.byteOffset + CHANNEL_DATA_HEADER_LENGTH, uint16At(bytes, 2)),
  };
}

/**
 * @param options.pad fills up to a multiple of 4 bytes, as TCP and TLS need (RFC 8656, section 12.5). @default false
 * @throws {RangeError} when channel or payload length do not fit.
 */
export function encodeChannelData(channel: number, payload: Uint8Array, options: { pad?: boolean } = {}): Buffer {
  const length = CHANNEL_DATA_HEADER_LENGTH + payload.length;
  const message = Buffer.alloc(options.pad ? (length + 3) & ~3 : length);
  writeChannelDataHeader(message, channel, payload.length);
  message.set(payload, CHANNEL_DATA_HEADER_LENGTH);
  return message;
}

/**
 * Writes the 4 bytes in front of a payload that is already in place: no copy on the per-packet path.
 * @throws {RangeError} when channel or length do not fit, or `target` has no 4 bytes at `offset`.
 */
export function writeChannelDataHeader(target: Uint8Array, channel: number, payloadLength: number, offset = 0): void {
  if (!(channel >= MIN_CHANNEL && channel <= MAX_LEGACY_CHANNEL)) throw new RangeError(`not a channel: ${channel}`);
  if (!(payloadLength >= 0 && payloadLength <= 0xffff)) throw new RangeError(`ChannelData of ${payloadLength} bytes`);
  if (!(offset >= 0 && offset + CHANNEL_DATA_HEADER_LENGTH <= target.length))
    throw new RangeError(`no room at ${offset}`);
  target[offset] = channel >>> 8;
  target[offset + 1] = channel & 0xff;
  target[offset + 2] = payloadLength >>> 8;
  target[offset + 3] = payloadLength & 0xff;
}

function uint16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
