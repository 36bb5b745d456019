/** The longest line is `allowed_ip=-` and an IPv6 prefix, or a key of 64 digits. */
export const MAX_LINE_BYTES = 256;

/**
 * Cuts a byte stream into lines, bounded: a line that is too long, or a message (up to its blank line) that is,
 * ends the stream for good.
 */
export class LineReader {
  readonly #maxMessageBytes: number;
  #partial = '';
  #messageBytes = 0;
  #overflowed = false;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Too much came in; nothing more is read. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** True between messages. */
  get idle(): boolean {
    return this.#partial === '' && this.#messageBytes === 0;
  }

  /** Calls back for each line that `bytes` completes, without its newline. */
  push(bytes: Uint8Array, onLine: (line: string) => void): void {
    if (this.#overflowed) return;
    // latin1 keeps one byte one character; whatever is not ASCII is refused as a value later.
    let text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      const line = this.#partial + text.slice(0, end);
      text = text.slice(end + 1);
      this.#partial = '';
      this.#messageBytes += line.length + 1;
      if (line.length > MAX_LINE_BYTES || this.#messageBytes > this.#maxMessageBytes) {
        this.#overflowed = true;
        return;
      }
      if (line === '') this.#messageBytes = 0;
      onLine(line);
    }
    this.#partial += text;
    if (this.#partial.length > MAX_LINE_BYTES) {
      this.#overflowed = true;
      this.#partial = '';
    }
  }
}
