import type { Counters, Guard, TransportAddress } from '@wirepath/core/plugin';
import { formatAddress, StreamFrames } from '@wirepath/stun-codec';
import type { Socket } from 'node:net';
import { TurnCork } from '../../turn-cork.js';
import type { RelayDropReason } from '../drop-reasons.js';
import type { ConnectionEvents, RelayConnection } from './connection.js';

/** What may wait for a server that does not read; at 10 Mbit/s, a request behind it is a fifth of a second late. */
const MAX_WAITING_BYTES = 256 * 1024;

export interface StreamConnectionOptions {
  /** Connected, and over TLS secured. */
  readonly socket: Socket;
  readonly server: TransportAddress;
  readonly guard: Guard;
  /** Counted up; shared. */
  readonly drops: Counters<RelayDropReason>;
}

/** Over TCP or TLS: one message after the other (RFC 8656, section 12.5). */
export class StreamConnection implements RelayConnection {
  readonly server: TransportAddress;
  readonly tuple: string;
  readonly base = undefined;
  readonly reliable = true;
  readonly #socket: Socket;
  readonly #guard: Guard;
  readonly #drops: Counters<RelayDropReason>;
  readonly #cork: TurnCork;
  readonly #frames = new StreamFrames();
  #events: ConnectionEvents | undefined;

  constructor({ socket, server, guard, drops }: StreamConnectionOptions) {
    this.server = server;
    this.tuple = `tcp ${socket.localAddress ?? ''} ${socket.localPort ?? ''}>${formatAddress(server)}`;
    this.#socket = socket;
    this.#cork = new TurnCork(socket);
    this.#guard = guard;
    this.#drops = drops;
  }

  listen(events: ConnectionEvents): void {
    this.#events = events;
    const socket = this.#socket;
    socket.on('data', (bytes: Uint8Array) => this.#receive(bytes));
    socket.on('error', (error) => this.#lose(`the connection broke: ${error.message}`));
    socket.on('close', () => this.#lose('the server closed the connection'));
  }

  send(message: Uint8Array): void {
    if (!this.#socket.writable) return;
    this.#cork.hold();
    this.#socket.write(message);
  }

  sendData(message: Uint8Array): void {
    if (this.#socket.writableLength + message.length > MAX_WAITING_BYTES) this.#drops.count('relay.backlog');
    else this.send(message);
  }

  close(): void {
    this.#events = undefined;
    this.#socket.destroy();
  }

  #receive(bytes: Uint8Array): void {
    for (const message of this.#frames.push(bytes))
      this.#guard.run('message of a relay', () => this.#events?.received(message));
    if (this.#frames.isBroken) this.#lose('what the server sends is not TURN');
  }

  #lose(reason: string): void {
    const events = this.#events;
    this.close();
    if (events !== undefined) this.#guard.run('connection to a relay', () => events.lost(reason));
  }
}
