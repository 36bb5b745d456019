import type { Socket } from 'node:net';
import { socketAddress, type PacketMemory } from '@wirepath/linux';
import { StreamFrames, streamPadding, type TransportAddress } from '@wirepath/stun-codec';
import { TurnCork } from '../turn-cork.js';
import { Client } from './client.js';
import type { SendBacklog } from './send-backlog.js';
import type { SendDrop, ServerSocket } from './server-socket.js';

/** Answers that the client has not taken: past it nothing more is read from it, so that no more have to be given. */
const MAX_UNTAKEN_ANSWER_BYTES = 16 * 1024;
/** Of one that sends many small messages at once: then others have their turn. */
const MESSAGES_A_TURN = 256;

export interface ClientConnectionOptions {
  readonly socket: Socket;
  readonly protocol: 'tcp' | 'tls';
  readonly local: TransportAddress;
  readonly remote: TransportAddress;
  /** Where what is relayed lies. */
  readonly memory: PacketMemory;
  /** What waits to be sent, over all connections. */
  readonly backlog: SendBacklog;
  /** A STUN message or ChannelData. Must not throw. */
  readonly receive: (bytes: Buffer) => void;
  /** After one or more: what they led to can leave now. */
  readonly received: () => void;
  /** What has come is no TURN; the connection is over. */
  readonly onBroken: () => void;
  readonly onAllocated: (isAllocated: boolean) => void;
}

/** A client over TCP or TLS (RFC 8656, section 2.1), as the TURN server sees it: a socket to which only that client sends. */
export class ClientConnection implements ServerSocket {
  readonly protocol: 'tcp' | 'tls';
  readonly local: TransportAddress;
  readonly client: Client;
  readonly #options: ClientConnectionOptions;
  readonly #socket: Socket;
  readonly #cork: TurnCork;
  readonly #frames = new StreamFrames();
  #inbox: Buffer[] = [];
  /** Of the inbox. */
  #next = 0;
  #untakenAnswerBytes = 0;
  #pendingWrites = 0;
  #hasProgressed = true;
  #progressAtMs = 0;

  constructor(options: ClientConnectionOptions) {
    const { socket, protocol, local, remote } = options;
    this.#options = options;
    this.#socket = socket;
    this.#cork = new TurnCork(socket);
    this.protocol = protocol;
    this.local = local;
    this.client = new Client(this, remote, socketAddress(remote.ip, remote.port));
    // Some clients (coturn's turnutils_uclient) take what comes in one TLS record for one message: none holds two.
    if (protocol === 'tls') Object.defineProperty(socket, '_writev', { value: undefined });
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
  }

  /** An answer: it is always taken, because nothing more is read while too many wait. */
  send(bytes: Uint8Array): boolean {
    this.#untakenAnswerBytes += bytes.length;
    return this.#write(bytes, () => {
      this.#untakenAnswerBytes -= bytes.length;
      this.#serve();
    });
  }

  /** A peer's datagram: the newest are dropped where the client does not keep up. */
  sendRelayed(offset: number, sizeBytes: number): SendDrop | undefined {
    const { backlog, memory } = this.#options;
    if (!this.#socket.writable) return 'send-failed';
    const sent = backlog.add(this.client.key, sizeBytes);
    if (sent === undefined) return 'backlog';
    // It waits here for longer than there.
    const bytes = Buffer.from(memory.bytes.subarray(offset, offset + sizeBytes));
    return this.#write(bytes, sent) ? undefined : 'send-failed';
  }

  allocated(isAllocated: boolean): void {
    this.#options.onAllocated(isAllocated);
  }

  /** For how long it has taken nothing of what waits for it, when it is asked about once a second. */
  stuckMs(nowMs: number): number {
    if (this.#pendingWrites === 0 || this.#hasProgressed) this.#progressAtMs = nowMs;
    this.#hasProgressed = false;
    return nowMs - this.#progressAtMs;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.closed) return resolve();
      this.#socket.once('close', () => resolve());
      this.#socket.destroy();
    });
  }

  #read(bytes: Buffer): void {
    this.#inbox.push(...this.#frames.push(bytes));
    this.#serve();
    if (!this.#frames.isBroken) return;
    this.#options.onBroken();
    this.#socket.destroy();
  }

  /** Takes what has come, as far as its answers are taken. */
  #serve(): void {
    const end = this.#next + MESSAGES_A_TURN;
    while (this.#next < end && this.#mayAnswer() && !this.#socket.destroyed) {
      const message = this.#inbox[this.#next];
      if (message === undefined) break;
      this.#next += 1;
      this.#options.receive(message);
    }
    this.#options.received();
    if (this.#next === this.#inbox.length || this.#socket.destroyed) {
      this.#inbox = [];
      this.#next = 0;
    }
    if (this.#inbox.length === 0 && this.#mayAnswer()) {
      if (this.#socket.isPaused()) this.#socket.resume();
      return;
    }
    this.#socket.pause();
    if (this.#mayAnswer()) setImmediate(() => this.#serve());
  }

  #mayAnswer(): boolean {
    return this.#untakenAnswerBytes <= MAX_UNTAKEN_ANSWER_BYTES;
  }

  #write(bytes: Uint8Array, onSent: () => void): boolean {
    const socket = this.#socket;
    this.#pendingWrites += 1;
    const padding = streamPadding(bytes.length);
    const padded = padding.length > 0 ? Buffer.concat([bytes, padding]) : bytes;
    const onWritten = () => {
      this.#pendingWrites -= 1;
      this.#hasProgressed = true;
      onSent();
    };
    if (this.protocol === 'tcp') this.#cork.hold();
    socket.write(padded, onWritten);
    return socket.writable;
  }
}
