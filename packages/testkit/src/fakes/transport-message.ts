import type { PublicKey } from '@wirepath/core';

/** Messages of the memory transport: WireGuard's type bytes in front, so that demultiplexing is as with WireGuard. */
export type TransportMessage =
  | { readonly kind: 'initiation' | 'response'; readonly session: string }
  | { readonly kind: 'data'; readonly session: string; readonly counter: number; readonly packet: Uint8Array };

const TYPES = { initiation: 1, response: 2, data: 4 } as const;
const KINDS = { 1: 'initiation', 2: 'response', 4: 'data' } as const;
const KEY_AT = 4;
const SESSION_AT = KEY_AT + 32;
const COUNTER_AT = SESSION_AT + 8;
const PACKET_AT = COUNTER_AT + 8;

export function encodeTransportMessage(from: PublicKey, message: TransportMessage): Uint8Array {
  const bytes = Buffer.alloc(PACKET_AT + (message.kind === 'data' ? message.packet.length : 0));
  bytes[0] = TYPES[message.kind];
  Buffer.from(from, 'base64').copy(bytes, KEY_AT, 0, 32);
  Buffer.from(message.session, 'hex').copy(bytes, SESSION_AT, 0, 8);
  if (message.kind === 'data') {
    bytes.writeBigUInt64BE(BigInt(message.counter), COUNTER_AT);
    bytes.set(message.packet, PACKET_AT);
  }
  return bytes;
}

/** @returns undefined for anything else. */
export function decodeTransportMessage(input: Uint8Array): { from: PublicKey; message: TransportMessage } | undefined {
  const kind = input.length < PACKET_AT ? undefined : KINDS[input[0] as keyof typeof KINDS];
  if (kind === undefined || input[1] !== 0 || input[2] !== 0 || input[3] !== 0) return undefined;
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  const from = bytes.toString('base64', KEY_AT, SESSION_AT);
  const session = bytes.toString('hex', SESSION_AT, COUNTER_AT);
  if (kind !== 'data') return { from, message: { kind, session } };
  const counter = Number(bytes.readBigUInt64BE(COUNTER_AT));
  return { from, message: { kind, session, counter, packet: Uint8Array.from(bytes.subarray(PACKET_AT)) } };
}
