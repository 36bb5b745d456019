import type { Socket } from 'node:net';
import { FairShares } from './fair-shares.js';
import { sourceLevels } from './source-levels.js';

export interface OpeningLimits {
  /** Connections in the middle of their handshake; one more closes the oldest of the address block that has the most. */
  readonly maxHandshakes: number;
  /** From the connection to the end of the handshake. */
  readonly handshakeDeadlineMs: number;
}

/**
 * Connections that are not yet what they are for: silent ones, TLS handshakes, slow HTTP headers. One more than there is room for
 * ends the oldest of the address block that has the most, and none lasts.
 */
export class OpeningConnections {
  readonly #limits: () => OpeningLimits;
  readonly #shares = new FairShares<Socket>();
  /** In the order in which they came. A closed socket does not tell its ends any more. */
  readonly #begun = new Map<Socket, { readonly sinceMs: number; readonly ends: string }>();
  readonly #byEnds = new Map<string, Socket>();

  constructor(limits: () => OpeningLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#shares.size;
  }

  /** @returns who has to go for it. */
  begin(socket: Socket, nowMs: number): Socket | undefined {
    this.#shares.add(socket, sourceLevels(socket.remoteAddress));
    const ends = endsOf(socket);
    this.#begun.set(socket, { sinceMs: nowMs, ends });
    this.#byEnds.set(ends, socket);
    socket.once('close', () => this.#end(socket));
    if (this.#shares.size <= this.#limits().maxHandshakes) return undefined;
    const oldest = this.#shares.oldestOfLargest();
    if (oldest) this.#end(oldest);
    return oldest;
  }

  /** It has become what it is for. @param socket the raw one, or what TLS made of it: both have the same two ends. */
  finish(socket: Socket): void {
    const known = this.#byEnds.get(endsOf(socket));
    if (known) this.#end(known);
  }

  /** @returns those that have taken too long. */
  expire(nowMs: number): Socket[] {
    const late: Socket[] = [];
    for (const [socket, { sinceMs }] of this.#begun) {
      if (nowMs < sinceMs + this.#limits().handshakeDeadlineMs) break;
      late.push(socket);
    }
    for (const socket of late) this.#end(socket);
    return late;
  }

  #end(socket: Socket): void {
    this.#shares.delete(socket);
    const ends = this.#begun.get(socket)?.ends;
    this.#begun.delete(socket);
    if (ends !== undefined && this.#byEnds.get(ends) === socket) this.#byEnds.delete(ends);
  }
}

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
