import { decodeStunMessage, encodeStunMessage, shortTermKey, type StunMessage } from '@wirepath/stun-codec';
import type { RecallCredential } from './recall-keys.js';

/** With IP, UDP and STUN around it within IPv6's least MTU. */
const PART_BYTES = 1024;
/** A sealed message is shorter. */
const MAX_PARTS = 8;
/** index 1, count 1, message 4. */
const HEADER_BYTES = 6;
/** Binding indication (RFC 8489 5): nobody answers it. */
const BINDING_INDICATION = 0x0011;

/** A part of a sealed message. */
export interface RecallPart {
  /** Random; the same in all parts of a message. */
  readonly message: number;
  readonly index: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** @returns undefined for more than fits. @param message 32 bits, random. */
export function partsOf(sealed: Uint8Array, message: number): RecallPart[] | undefined {
  const count = Math.ceil(sealed.length / PART_BYTES);
  if (count === 0 || count > MAX_PARTS) return undefined;
  return Array.from({ length: count }, (_, index) => ({
    message,
    index,
    count,
    bytes: Uint8Array.from(sealed.subarray(index * PART_BYTES, (index + 1) * PART_BYTES)),
  }));
}

/** STUN, so that it is told apart from WireGuard's packets on the same socket. @param transactionId 12 random bytes. */
export function encodePart(part: RecallPart, credential: RecallCredential, transactionId: Uint8Array): Buffer {
  const data = Buffer.alloc(HEADER_BYTES + part.bytes.length);
  data[0] = part.index;
  data[1] = part.count;
  data.writeUInt32BE(part.message, 2);
  data.set(part.bytes, HEADER_BYTES);
  return encodeStunMessage({
    class: 'indication',
    method: 'binding',
    transactionId,
    username: credential.username,
    data,
    integrityKey: shortTermKey(credential.password),
    fingerprint: true,
  });
}

/** @returns undefined for whatever is no Binding indication with a name and data; it is not authenticated yet. */
export function readRecall(bytes: Uint8Array): { readonly username: string; readonly stun: StunMessage } | undefined {
  if ((bytes[0] ?? 0) * 256 + (bytes[1] ?? 0) !== BINDING_INDICATION) return undefined;
  const stun = decodeStunMessage(bytes);
  const username = stun?.username;
  return stun === undefined || username === undefined ? undefined : { username, stun };
}

/** @returns undefined where it was not made with this credential, or is no part. */
export function openPart(stun: StunMessage, { password }: RecallCredential): RecallPart | undefined {
  if (!stun.verifyFingerprint() || !stun.verifyIntegrity(shortTermKey(password))) return undefined;
  const { data } = stun;
  if (data === undefined || data.length <= HEADER_BYTES || data.length > HEADER_BYTES + PART_BYTES) return undefined;
  const [index = 0, count = 0] = data;
  if (count === 0 || count > MAX_PARTS || index >= count) return undefined;
  return { message: data.readUInt32BE(2), index, count, bytes: Uint8Array.from(data.subarray(HEADER_BYTES)) };
}

/** Puts one peer's messages together, one at a time; the copies of the last one are not given again. */
export class RecallAssembly {
  #message: number | undefined;
  #parts: (Uint8Array | undefined)[] = [];

  take({ message, index, count, bytes }: RecallPart): Uint8Array | undefined {
    if (message !== this.#message || count !== this.#parts.length) {
      this.#message = message;
      this.#parts = new Array<Uint8Array | undefined>(count).fill(undefined);
    }
    if (this.#parts[index] !== undefined) return undefined;
    this.#parts[index] = bytes;
    const whole = this.#parts.filter((part) => part !== undefined);
    return whole.length === count ? new Uint8Array(Buffer.concat(whole)) : undefined;
  }
}
