import { transportAddress } from '@wirepath/core/plugin';
import type { OpenUdpSocket, UdpSocket } from '@wirepath/transport-wg';
import { createSocket, type Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { NatTable, type NatMapping, type NatSettings } from './nat-table.js';

export interface NatBoxOptions {
  /** Its address on the simulated internet: one of 127.0.0.0/8 that sockets can be bound to. */
  readonly outsideIp: string;
  /** Of the one machine behind it. No socket is bound to it: the inside is in this process. */
  readonly insideIp: string;
  readonly nat: NatSettings;
}

/** Below what systems choose for the outside unless told otherwise, so that every port is changed. */
const FIRST_INSIDE_PORT = 10_001;
const SEND_QUEUE_MAX_BYTES = 4 << 20;

/**
 * A NAT in user space. Sockets of the machine behind it are objects of this process; each mapping's outside is a real
 * UDP socket on loopback, on a port that the system chose. The internet that it routes to is 127.0.0.0/8: whatever is
 * sent elsewhere, such as the other side's LAN, is dropped here and never leaves this machine.
 */
export class NatBox {
  readonly insideIp: string;
  readonly outsideIp: string;
  readonly #table: NatTable;
  readonly #outside = new Map<NatMapping, Socket>();
  readonly #inside = new Map<number, InsideSocket>();
  readonly #drops = { 'no-route': 0, 'table-full': 0, 'queue-full': 0, filtered: 0, 'socket-error': 0 };

  constructor({ outsideIp, insideIp, nat }: NatBoxOptions) {
    this.outsideIp = outsideIp;
    this.insideIp = insideIp;
    this.#table = new NatTable(nat);
  }

  /** Opens a socket on the machine behind this NAT, which has IPv4 only. */
  readonly openSocket: OpenUdpSocket = async (family, port) => {
    if (family === 6) throw Object.assign(new Error('no IPv6 behind this NAT'), { code: 'EAFNOSUPPORT' });
    let insidePort = port === 0 ? FIRST_INSIDE_PORT : port;
    while (port === 0 && this.#inside.has(insidePort)) insidePort += 1;
    if (this.#inside.has(insidePort)) throw Object.assign(new Error('port in use'), { code: 'EADDRINUSE' });
    const socket = new InsideSocket(insidePort, {
      send: (...datagram) => this.#sendOut(insidePort, ...datagram),
      close: () => this.#closeInside(insidePort),
    });
    this.#inside.set(insidePort, socket);
    return socket;
  };

  /** Datagrams that were dropped, by reason. */
  drops(): Readonly<Record<string, number>> {
    return { ...this.#drops };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#inside.keys()].map((port) => this.#closeInside(port)));
  }

  #sendOut(insidePort: number, bytes: Uint8Array, port: number, ip: string, sent: () => void): void {
    const mapping = ip.startsWith('127.') ? this.#table.outbound(insidePort, transportAddress(ip, port)) : 'no-route';
    if (mapping === 'no-route' || mapping === undefined) {
      this.#drops[mapping ?? 'table-full'] += 1;
      return sent();
    }
    const socket = this.#outside.get(mapping) ?? this.#openOutside(mapping);
    if (socket.getSendQueueSize() > SEND_QUEUE_MAX_BYTES) {
      this.#drops['queue-full'] += 1;
      return sent();
    }
    // Until the socket is bound, it keeps datagrams itself.
    socket.send(bytes, port, ip, (error) => {
      if (error !== null) this.#drops['socket-error'] += 1;
      sent();
    });
  }

  #openOutside(mapping: NatMapping): Socket {
    const socket = createSocket({ type: 'udp4', lookup: (ip, _options, found) => found(null, ip, 4) });
    this.#outside.set(mapping, socket);
    socket.on('error', () => {
      this.#drops['socket-error'] += 1;
      // Not bound, or broken: the next datagram opens another.
      this.#outside.delete(mapping);
    });
    socket.on('message', (bytes, { address, port }) => {
      if (port !== 0 && mapping.admits(transportAddress(address, port))) {
        this.#inside.get(mapping.insidePort)?.emit('message', bytes, { address, port });
      } else {
        this.#drops.filtered += 1;
      }
    });
    socket.bind({ port: 0, address: this.outsideIp, exclusive: true });
    return socket;
  }

  async #closeInside(insidePort: number): Promise<void> {
    this.#inside.delete(insidePort);
    const closing = this.#table.release(insidePort).map(async (mapping) => {
      const socket = this.#outside.get(mapping);
      this.#outside.delete(mapping);
      if (socket !== undefined) await new Promise<void>((resolve) => socket.close(() => resolve()));
    });
    await Promise.all(closing);
  }
}

interface InsideSocketNeeds {
  send(bytes: Uint8Array, port: number, ip: string, sent: () => void): void;
  close(): Promise<void>;
}

/** A UDP socket of the machine behind the NAT. */
class InsideSocket extends EventEmitter<{ message: [Buffer, { address: string; port: number }] }> implements UdpSocket {
  readonly #port: number;
  readonly #needs: InsideSocketNeeds;

  constructor(port: number, needs: InsideSocketNeeds) {
    super();
    this.#port = port;
    this.#needs = needs;
  }

  address(): { readonly port: number } {
    return { port: this.#port };
  }

  /** Nothing waits on this side. */
  getSendQueueSize(): number {
    return 0;
  }

  send(bytes: Uint8Array, port: number, ip: string, callback: (error: null) => void): void {
    this.#needs.send(bytes, port, ip, () => callback(null));
  }

  close(callback: () => void): void {
    void this.#needs.close().then(callback);
  }
}
