/**
 * What a virtual relay and its clients say to each other: ChannelData as in RFC 8656 12.4, since transports write that
 * themselves, and JSON in the place of TURN's messages.
 */

export interface RelayRequest {
  readonly id: number;
  readonly do: 'probe' | 'allocate' | 'refresh' | 'permit' | 'free';
  /** Of `permit`. */
  readonly peer?: string;
  readonly channel?: number;
}

export type RelayMessage =
  | { readonly id: number; readonly error?: string; readonly relayed?: string; readonly mapped?: string }
  /** From a permitted peer without a channel. */
  | { readonly from: string; readonly data: string };

const CHANNEL_HEADER_BYTES = 4;
export const FIRST_CHANNEL = 0x4000;
export const LAST_CHANNEL = 0x4fff;

export function encodeChannelData(channel: number, bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(CHANNEL_HEADER_BYTES + bytes.length);
  const view = new DataView(framed.buffer);
  view.setUint16(0, channel);
  view.setUint16(2, bytes.length);
  framed.set(bytes, CHANNEL_HEADER_BYTES);
  return framed;
}

/** @returns undefined for anything else. */
export function decodeChannelData(bytes: Uint8Array): { channel: number; data: Uint8Array } | undefined {
  if (bytes.length < CHANNEL_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const channel = view.getUint16(0);
  const length = view.getUint16(2);
  if (channel < FIRST_CHANNEL || channel > LAST_CHANNEL || length > bytes.length - CHANNEL_HEADER_BYTES)
    return undefined;
  return { channel, data: bytes.subarray(CHANNEL_HEADER_BYTES, CHANNEL_HEADER_BYTES + length) };
}

export function encodeJson(message: RelayRequest | RelayMessage): Uint8Array {
  return Buffer.from(JSON.stringify(message));
}

/** @returns undefined for what is no JSON object. The server and the client of this kit trust each other's shapes. */
export function decodeJson<T extends RelayRequest | RelayMessage>(bytes: Uint8Array): T | undefined {
  if (bytes[0] !== 0x7b) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as T;
  } catch {
    // Not ours: some other datagram that begins with a brace.
    return undefined;
  }
}
