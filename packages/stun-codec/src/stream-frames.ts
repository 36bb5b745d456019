import { CHANNEL_DATA_HEADER_LENGTH } from './channel-data.js';
import { hasMagicCookie, HEADER_LENGTH } from './header.js';

const COOKIE_END = 8;
const FIRST_CAPACITY_BYTES = 256;
const PADDING = new Uint8Array(3);

/**
 * Cuts the bytes of a TCP or TLS connection into STUN messages and ChannelData (RFC 8656, section 12.5). Between calls it
 * holds the beginning of one message at most, in no more than about twice as many bytes as have come of it.
 */
export class StreamFrames {
  #buffer: Buffer = Buffer.alloc(0);
  #heldBytes = 0;
  #isBroken = false;

  /** Whether something has come that is neither: what follows cannot be cut any more, and the connection is to be closed. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /**
   * @param bytes as they come, cut anywhere; they are not written to, and messages may be views of them.
   * @returns the messages that are whole by now, without padding; nothing of what follows a broken one.
   */
  push(bytes: Uint8Array): Buffer[] {
    const messages: Buffer[] = [];
    if (this.#isBroken) return messages;
    const stream = this.#joined(bytes);
    let at = 0;
    for (;;) {
      const message = messageAt(stream, at);
      this.#isBroken = message === 'broken';
      if (message === 'broken' || message === 'incomplete') break;
      messages.push(message);
      at += message.length + streamPadding(message.length).length;
    }
    this.#hold(this.#isBroken ? stream.subarray(stream.length) : stream.subarray(at), at === 0);
    return messages;
  }

  /** What is held, and these behind it. */
  #joined(bytes: Uint8Array): Buffer {
    if (this.#heldBytes === 0) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = this.#heldBytes + bytes.length;
    if (length > this.#buffer.length) {
      // By doubling: a message that comes byte by byte is not copied for each of them.
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#heldBytes));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#heldBytes);
    return this.#buffer.subarray(0, length);
  }

  /** @param isAll whether nothing was cut off in front. */
  #hold(rest: Buffer, isAll: boolean): void {
    const isHeld = isAll && this.#heldBytes > 0 && rest.length > 0;
    this.#heldBytes = rest.length;
    // Messages that were handed out are views of the buffer there was.
    if (!isHeld) this.#buffer = rest.length === 0 ? rest : ownCopy(rest);
  }
}

/** What has to follow a message of so many bytes on a TCP or TLS connection: ChannelData ends at a multiple of 4 there. */
export function streamPadding(messageBytes: number): Uint8Array {
  return PADDING.subarray(0, -messageBytes & 3);
}

function messageAt(stream: Buffer, at: number): Buffer | 'broken' | 'incomplete' {
  const available = stream.length - at;
  const kind = (stream[at] ?? 0) >>> 6;
  if (kind > 1) return 'broken';
  if (available < CHANNEL_DATA_HEADER_LENGTH) return 'incomplete';
  const isStun = kind === 0;
  const length = stream.readUInt16BE(at + 2);
  if (isStun && length % 4 !== 0) return 'broken';
  if (isStun && available >= COOKIE_END && !hasMagicCookie(stream, at)) return 'broken';
  const whole = length + (isStun ? HEADER_LENGTH : CHANNEL_DATA_HEADER_LENGTH);
  return available < whole + streamPadding(whole).length ? 'incomplete' : stream.subarray(at, at + whole);
}

function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(Math.max(bytes.length, FIRST_CAPACITY_BYTES));
  copy.set(bytes);
  return copy;
}
