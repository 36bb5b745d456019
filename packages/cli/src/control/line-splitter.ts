/**
 * Cuts a byte stream into lines, holding at most `maxLineBytes` of an unfinished one.
 * A line that grows longer ends the stream: `push` returns what was complete and `overflowed` is true from then on.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #chunks: Buffer[] = [];
  #pendingBytes = 0;
  overflowed = false;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  push(bytes: Uint8Array): string[] {
    const lines: string[] = [];
    let rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    while (!this.overflowed && rest.length > 0) {
      const newline = rest.indexOf(0x0a);
      const part = newline === -1 ? rest : rest.subarray(0, newline);
      if (this.#pendingBytes + part.length > this.#maxLineBytes) {
        this.overflowed = true;
        this.#chunks = [];
        this.#pendingBytes = 0;
        break;
      }
      if (newline === -1) {
        // A copy: the stream may use its buffer again.
        this.#chunks.push(Buffer.from(part));
        this.#pendingBytes += part.length;
        break;
      }
      const line = Buffer.concat([...this.#chunks, part]).toString('utf8');
      this.#chunks = [];
      this.#pendingBytes = 0;
      if (line.trim() !== '') lines.push(line);
      rest = rest.subarray(newline + 1);
    }
    return lines;
  }
}
