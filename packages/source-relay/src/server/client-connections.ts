import type { Socket } from 'node:net';
import {
  ConnectionGate,
  Counters,
  OpeningConnections,
  tryTransportAddress,
  type GateLimits,
  type GateRefusal,
  type OpeningLimits,
  type ServerNeeds,
} from '@wirepath/core/plugin';
import { limitUnsent, type PacketMemory } from '@wirepath/linux';
import { MAX_UNSENT_BYTES } from '../max-unsent-bytes.js';
import { ClientConnection } from './client-connection.js';
import type { RelayRoom } from './open-files.js';
import { SendBacklog } from './send-backlog.js';

const TICK_MS = 1000;

export interface ConnectionLimits extends GateLimits, OpeningLimits {
  /** Waiting to be sent over all connections, and to one client. */
  readonly maxQueuedBytes: number;
  readonly maxQueuedBytesEach: number;
  /** A client that takes nothing of what waits for it for so long is disconnected. */
  readonly slowReaderMs: number;
  /** From the end of an allocation to that of its connection. */
  readonly lingerMs: number;
}

/** A connection is in its handshake until it has an allocation: whoever only asks for its address has this long. */
export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  maxConnectionsPerIp: 4096,
  connectionRate: { perSecond: 100, burst: 4096 },
  limitsLoopback: false,
  maxHandshakes: 1024,
  handshakeDeadlineMs: 30_000,
  maxQueuedBytes: 64 * 1024 * 1024,
  maxQueuedBytesEach: 256 * 1024,
  slowReaderMs: 30_000,
  lingerMs: 10_000,
};

/** Why a connection was refused or ended by the server. */
export type ConnectionEnd = GateRefusal | 'open-files' | 'crowded-out' | 'no-allocation' | 'not-turn' | 'not-reading';

export interface ClientConnectionsOptions {
  readonly needs: Pick<ServerNeeds, 'clock' | 'random' | 'guard'>;
  readonly limits: ConnectionLimits;
  /** Where what is relayed lies. */
  readonly memory: PacketMemory;
  /** Must not throw. */
  readonly receive: (connection: ClientConnection, bytes: Buffer) => void;
  /** After one or more: what they led to can leave now. Must not throw. */
  readonly received: () => void;
  readonly onClosed: (connection: ClientConnection) => void;
  /** Refused or ended, which is counted already. */
  readonly onEnded: (why: ConnectionEnd, ip: string, protocol: Protocol) => void;
}

type Protocol = 'tcp' | 'tls';

interface Held {
  readonly socket: Socket;
  /** When its allocation ended. */
  endedAtMs?: number | undefined;
}

/**
 * The clients over TCP and TLS, and what bounds them: so many from one address, so many without an allocation and for so
 * long, so much waiting for each that does not read.
 */
export class ClientConnections {
  readonly ended = new Counters<ConnectionEnd>();
  readonly #options: ClientConnectionsOptions;
  readonly #limits: ConnectionLimits;
  readonly #gate: ConnectionGate;
  readonly #opening: OpeningConnections;
  readonly #backlog: SendBacklog;
  readonly #held = new Map<ClientConnection, Held>();
  /** What the process has room for. */
  #room: Pick<RelayRoom, 'connections' | 'handshakes'> = { connections: Infinity, handshakes: Infinity };
  #tick: Disposable | undefined;
  #stopped = false;

  constructor(options: ClientConnectionsOptions) {
    const { limits, needs } = options;
    this.#options = options;
    this.#limits = limits;
    this.#gate = new ConnectionGate(limits, needs.random);
    this.#opening = new OpeningConnections(() => ({
      handshakeDeadlineMs: limits.handshakeDeadlineMs,
      maxHandshakes: Math.min(limits.maxHandshakes, this.#room.handshakes, this.#room.connections - this.#settled),
    }));
    this.#backlog = new SendBacklog({ maxBytes: limits.maxQueuedBytes, maxBytesEach: limits.maxQueuedBytesEach });
  }

  get size(): number {
    return this.#held.size;
  }

  /** How many there are over this. */
  over(protocol: Protocol): number {
    return [...this.#held.keys()].filter((connection) => connection.protocol === protocol).length;
  }

  /** With an allocation, or about to end. */
  get #settled(): number {
    return this.#held.size - this.#opening.size;
  }

  setRoom(room: Pick<RelayRoom, 'connections' | 'handshakes'>): void {
    this.#room = room;
  }

  /** Takes a connection that was accepted; with TLS its handshake is done. */
  accept(socket: Socket, protocol: Protocol): void {
    // What went wrong shows in `close`, which follows.
    socket.on('error', () => undefined);
    const { needs } = this.#options;
    const nowMs = needs.clock.now();
    const client = tryTransportAddress(socket.remoteAddress, socket.remotePort ?? 0);
    const local = tryTransportAddress(socket.localAddress, socket.localPort ?? 0);
    // It has gone already.
    if (client === undefined || local === undefined || this.#stopped) return void socket.destroy();
    const ended = (why: ConnectionEnd) => this.#countEnd(why, client.ip, protocol);
    const place = this.#gate.enter(client.ip, nowMs);
    if (typeof place === 'string') {
      ended(place);
      socket.destroy();
      return;
    }
    // Those without an allocation make room.
    if (this.#settled >= this.#room.connections) {
      place[Symbol.dispose]();
      ended('open-files');
      socket.destroy();
      return;
    }
    limitUnsent(socket, MAX_UNSENT_BYTES);
    const held: Held = { socket };
    const connection: ClientConnection = new ClientConnection({
      socket,
      protocol,
      local,
      remote: client,
      memory: this.#options.memory,
      backlog: this.#backlog,
      receive: (bytes) => this.#options.receive(connection, bytes),
      received: this.#options.received,
      onBroken: () => ended('not-turn'),
      onAllocated: (isAllocated) => {
        // Its port was opened for one that has gone meanwhile.
        if (isAllocated && socket.destroyed) return this.#options.onClosed(connection);
        if (isAllocated) this.#opening.finish(socket);
        held.endedAtMs = isAllocated ? undefined : needs.clock.now();
      },
    });
    this.#held.set(connection, held);
    const onClose = needs.guard.wrap('close', () => {
      this.#held.delete(connection);
      place[Symbol.dispose]();
      this.#options.onClosed(connection);
    });
    socket.once('close', onClose);
    const oldest = this.#opening.begin(socket, nowMs);
    if (oldest !== undefined) ended('crowded-out');
    oldest?.destroy();
    this.#armTick();
  }

  #countEnd(why: ConnectionEnd, ip: string, protocol: Protocol): void {
    this.ended.count(why);
    this.#options.onEnded(why, ip, protocol);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#tick?.[Symbol.dispose]();
    await Promise.all([...this.#held.keys()].map((connection) => connection.close()));
  }

  #armTick(): void {
    if (this.#tick !== undefined || this.#stopped || this.#held.size === 0) return;
    this.#tick = this.#options.needs.clock.setTimeout(() => {
      this.#tick = undefined;
      this.#endThoseThatHang(this.#options.needs.clock.now());
      this.#armTick();
    }, TICK_MS);
  }

  #endThoseThatHang(nowMs: number): void {
    for (const late of this.#opening.expire(nowMs)) {
      this.ended.count('no-allocation');
      late.destroy();
    }
    for (const [connection, { socket, endedAtMs }] of this.#held) {
      if (endedAtMs !== undefined && nowMs >= endedAtMs + this.#limits.lingerMs) socket.destroySoon();
      if (connection.stuckMs(nowMs) < this.#limits.slowReaderMs) continue;
      this.ended.count('not-reading');
      socket.destroy();
    }
  }
}
