import type { WebSocket } from 'ws';
import { CLOSE_CODES } from '../protocol/rendezvous-v1.js';
import type { SwitchboardEffect } from '../protocol/switchboard.js';

export interface ServerSocketEvents {
  /** The kernel has taken a frame of so many bytes. */
  sent(connection: number, sizeBytes: number): void;
  /** The kernel has taken the pong. */
  ponged(connection: number): void;
}

/** The WebSockets of a server by connection. Of those that were told to go, only so many linger until they have gone. */
export class ServerSockets {
  readonly #events: ServerSocketEvents;
  readonly #maxClosing: () => number;
  readonly #sockets = new Map<number, WebSocket>();
  readonly #closing = new Set<WebSocket>();

  constructor(events: ServerSocketEvents, maxClosing: () => number) {
    this.#events = events;
    this.#maxClosing = maxClosing;
  }

  add(connection: number, socket: WebSocket): void {
    this.#sockets.set(connection, socket);
    socket.once('close', () => {
      this.#sockets.delete(connection);
      this.#closing.delete(socket);
    });
  }

  carryOut(effect: Exclude<SwitchboardEffect, { kind: 'foreign-url' | 'not-admitted' | 'replaced' }>): void {
    const { connection } = effect;
    const socket = this.#sockets.get(connection);
    if (!socket) return;
    switch (effect.kind) {
      case 'send':
        // With an error it comes too, when the connection is closing: `close` reports that.
        return socket.send(effect.bytes, () => this.#events.sent(connection, effect.bytes.length));
      case 'ping':
        if (socket.readyState === socket.OPEN) socket.ping();
        return;
      case 'pong':
        if (socket.readyState === socket.OPEN) socket.pong(effect.bytes, false, () => this.#events.ponged(connection));
        return;
      case 'close':
        return this.#close(socket, CLOSE_CODES[effect.reason]);
      case 'terminate':
        return socket.terminate();
    }
  }

  /** Tells all of them. @returns resolves when they have gone. */
  async closeAll(code: number): Promise<void> {
    const sockets = [...this.#sockets.values()];
    const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of sockets) socket.close(code);
    await Promise.all(closed);
  }

  terminateAll(): void {
    for (const socket of this.#sockets.values()) socket.terminate();
  }

  #close(socket: WebSocket, code: number): void {
    socket.close(code);
    this.#closing.add(socket);
    for (const oldest of this.#closing) {
      if (this.#closing.size <= this.#maxClosing()) break;
      this.#closing.delete(oldest);
      oldest.terminate();
    }
  }
}
