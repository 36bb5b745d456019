import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { formatAddress, transportAddress, type TransportAddress } from '@wirepath/core/plugin';
import type { OpenTcpListener, TcpListenerEvents } from '../src/server/tcp-listener.js';

/** One end of a connection in memory. What it writes waits until the other end reads. */
class MemorySocket extends Duplex {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  other: MemorySocket | undefined;
  taken: (() => void) | undefined;

  constructor(local: TransportAddress, remote: TransportAddress) {
    super({ allowHalfOpen: false });
    this.localAddress = local.ip;
    this.localPort = local.port;
    this.remoteAddress = remote.ip;
    this.remotePort = remote.port;
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }

  override _read(): void {
    const { other } = this;
    const taken = other?.taken;
    if (other) other.taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.taken = done;
    // Another chunk, as from a kernel.
    this.other?.push(Buffer.from(chunk));
  }

  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other } = this;
    queueMicrotask(() => other?.destroy());
    done(error);
  }
}

/** TCP in memory: listeners by address. */
export class MemoryStreams {
  readonly #listeners = new Map<string, TcpListenerEvents>();

  readonly open: OpenTcpListener = (local, events) => {
    const key = formatAddress(local);
    if (this.#listeners.has(key)) return Promise.reject(Object.assign(new Error(key), { code: 'EADDRINUSE' }));
    this.#listeners.set(key, events);
    const close = () => {
      this.#listeners.delete(key);
      return Promise.resolve();
    };
    return Promise.resolve({ local, close });
  };

  get addresses(): string[] {
    return [...this.#listeners.keys()];
  }

  connect(from: TransportAddress, to: TransportAddress): Duplex {
    const listener =
      this.#listeners.get(formatAddress(to)) ??
      this.#listeners.get(formatAddress(transportAddress(to.family === 4 ? '0.0.0.0' : '::', to.port)));
    if (listener === undefined) throw new Error(`nobody listens at ${formatAddress(to)}`);
    const [ours, theirs] = [new MemorySocket(from, to), new MemorySocket(to, from)];
    ours.other = theirs;
    theirs.other = ours;
    ours.on('error', () => undefined);
    // The server asks no more of it than a stream and its two ends.
    listener.accepted(theirs as unknown as Socket);
    return ours;
  }
}
