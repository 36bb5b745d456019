import { endianness } from 'node:os';

/** Netlink speaks in the order of the machine; what is in network order says so (`be16`, `be32`). */
export const LITTLE_ENDIAN = endianness() === 'LE';

/** struct nlmsghdr: u32 length (header included), u16 type, u16 flags, u32 sequence, u32 port id. */
export const HEADER_BYTES = 16;

/** linux/netlink.h: types of the protocol itself; each family's own begin at 16. */
export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4 } as const;

/** linux/netlink.h. What a bit from 0x100 on means depends on the request: to get, to make, or an answer. */
export const NLM_F = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  ECHO: 0x8,
  DUMP_INTR: 0x10,
  ROOT: 0x100,
  MATCH: 0x200,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  /** Of an answer: the request is not repeated in it beyond its header. */
  CAPPED: 0x100,
  /** Of an answer: attributes follow, with the reason in words. */
  ACK_TLVS: 0x200,
} as const;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  /** The family's header and attributes. */
  readonly payload: Uint8Array;
}

/** The length of something in a message: the next thing begins at a multiple of four. */
export function aligned(sizeBytes: number): number {
  return (sizeBytes + 3) & ~3;
}

/** @param message.portId 0 (the default) stands for the kernel, and for "assign me one". */
export function encodeMessage({
  type,
  flags,
  sequence,
  portId = 0,
  payload,
}: Omit<NetlinkMessage, 'portId'> & { readonly portId?: number }): Uint8Array {
  const sizeBytes = HEADER_BYTES + payload.length;
  const bytes = new Uint8Array(aligned(sizeBytes));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, sizeBytes, LITTLE_ENDIAN);
  view.setUint16(4, type, LITTLE_ENDIAN);
  view.setUint16(6, flags, LITTLE_ENDIAN);
  view.setUint32(8, sequence, LITTLE_ENDIAN);
  view.setUint32(12, portId, LITTLE_ENDIAN);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** The messages of one datagram; payloads are views into it. What is not whole ends the list. */
export function decodeMessages(datagram: Uint8Array): NetlinkMessage[] {
  const view = viewOf(datagram);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER_BYTES <= datagram.length;) {
    const sizeBytes = view.getUint32(at, LITTLE_ENDIAN);
    if (sizeBytes < HEADER_BYTES || at + sizeBytes > datagram.length) break;
    messages.push({
      type: view.getUint16(at + 4, LITTLE_ENDIAN),
      flags: view.getUint16(at + 6, LITTLE_ENDIAN),
      sequence: view.getUint32(at + 8, LITTLE_ENDIAN),
      portId: view.getUint32(at + 12, LITTLE_ENDIAN),
      payload: datagram.subarray(at + HEADER_BYTES, at + sizeBytes),
    });
    at += aligned(sizeBytes);
  }
  return messages;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
