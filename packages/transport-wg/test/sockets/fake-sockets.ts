import type { LocalAddress, TransportPath } from '@wirepath/core/plugin';
import { Counters, transportAddress, tryTransportAddress } from '@wirepath/core/plugin';
import { FakeClock } from '@wirepath/core';
import { DGRAM_SOCKET_BYTES, PacketMemory } from '@wirepath/linux';
import { PacketBuffers } from '../../src/protocol/packet-buffers.js';
import { Sockets } from '../../src/sockets/sockets.js';
import type { UdpSocket } from '../../src/sockets/udp-socket.js';
import { recordingLogger, testGuard } from '../embedded/support.js';

export const OWN_INTERFACE = 'wp0';
const PORT = 51820;

/** Packet memory for sockets, and how to read a copy of it. */
export function socketBuffers() {
  const memory = new PacketMemory(PacketBuffers.SIZE_BYTES + DGRAM_SOCKET_BYTES);
  const read = (offset: number, sizeBytes: number) => memory.bytes.slice(offset, offset + sizeBytes);
  return { buffers: new PacketBuffers(memory), read };
}

/** A socket of no system: what is sent from it is written down. */
export class FakeUdpSocket implements UdpSocket {
  readonly ip: string;
  isClosed = false;
  readonly #sent: string[];
  #onMessage: ((bytes: Buffer, from: { address: string; port: number }) => void) | undefined;

  constructor(ip: string, sent: string[]) {
    this.ip = ip;
    this.#sent = sent;
  }

  address() {
    return { port: PORT };
  }

  on(event: 'message' | 'error', listener: never): this {
    if (event === 'message') this.#onMessage = listener;
    return this;
  }

  removeAllListeners(): this {
    this.#onMessage = undefined;
    return this;
  }

  send(bytes: Uint8Array, port: number, ip: string): void {
    this.#sent.push(`${this.ip} > ${ip}:${port} ${bytes[0]}`);
  }

  getSendQueueSize(): number {
    return 0;
  }

  close(callback: () => void): void {
    this.isClosed = true;
    callback();
  }

  /** A datagram from outside. */
  receive(bytes: Uint8Array, ip: string, port: number): void {
    this.#onMessage?.(Buffer.from(bytes), { address: ip, port });
  }
}

/** The transport's sockets on a machine whose addresses and routes are made up; `ips`: on eth0, until told otherwise. */
export async function machineWith(...ips: string[]) {
  const clock = new FakeClock();
  const logger = recordingLogger();
  const counters = new Counters();
  const sent: string[] = [];
  const machine = {
    addresses: ips.map(onEth0),
    /** Number of the ethernet interface by source address. */
    routes: new Map<string, number>(),
    routesAsked: 0,
    refuse: undefined as Error | undefined,
    hint: (): void => undefined,
    watching: false,
    told: [] as readonly string[],
  };
  const bySocket = new Map<string, FakeUdpSocket>();
  const open = (ip: string) => {
    const socket = new FakeUdpSocket(ip, sent);
    bySocket.set(ip, socket);
    return socket;
  };
  const heard: TransportPath[] = [];
  const on = { wireGuard: (_bytes: Uint8Array, _from: TransportPath): void => undefined };
  const { buffers, read } = socketBuffers();
  const sockets = new Sockets({
    buffers,
    guard: testGuard(logger),
    counters,
    onWireGuard: (offset, sizeBytes, from) => {
      heard.push(from.path);
      on.wireGuard(read(offset, sizeBytes), from.path);
    },
    onRemote: () => undefined,
    onAddresses: (ips) => (machine.told = ips),
    openSocket: (family) => Promise.resolve(open(family === 4 ? '0.0.0.0' : '::')),
    follow: {
      clock,
      logger,
      ownInterface: OWN_INTERFACE,
      mark: 0,
      system: {
        trigger: (onHint) => {
          machine.hint = onHint;
          machine.watching = true;
          return { [Symbol.dispose]: () => void (machine.watching = false) };
        },
        read: () => machine.addresses,
        openBeside: (_wildcard, ip) => {
          if (machine.refuse !== undefined) throw machine.refuse;
          return open(ip);
        },
        wayOf: ({ ip, interfaceName }) => {
          machine.routesAsked++;
          const index = machine.routes.get(ip);
          return index === undefined ? undefined : { index, isOwn: `eth${index}` === interfaceName };
        },
      },
    },
  });
  await sockets.open(0, new AbortController().signal);
  return {
    sockets,
    clock,
    logger,
    counters,
    machine,
    sent,
    heard,
    on,
    /** The open one at this address. */
    at: (ip: string) => {
      const socket = bySocket.get(ip);
      return socket?.isClosed === false ? socket : undefined;
    },
    members: () =>
      [...bySocket.values()]
        .filter(({ ip, isClosed }) => !isClosed && ip !== '0.0.0.0' && ip !== '::')
        .map(({ ip }) => ip),
    /** Answers whoever asked on this path. */
    reply: (path: TransportPath, bytes: Uint8Array) => {
      sockets.reply(sockets.packetPath(path), buffers.putMessage(bytes), bytes.length);
      sockets.flush();
    },
    async change(): Promise<void> {
      machine.hint();
      await clock.advance(1000);
    },
    pathTo: (ip: string, port = 7): TransportPath => {
      const remote = transportAddress(ip, port);
      const base = sockets.sharedBase(remote.family);
      if (base === undefined) throw new Error('no base');
      return { kind: 'socket', base, remote };
    },
  };
}

export function onEth0(ip: string): LocalAddress {
  return on(ip, 'eth0');
}

export function on(ip: string, interfaceName: string): LocalAddress {
  return { family: tryTransportAddress(ip, 0)?.family ?? 4, ip, interfaceName };
}
