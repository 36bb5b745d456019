import type { Socket } from 'node:dgram';
import { openUdpSocket, parseCidr, transportAddress, type TransportAddress } from '@wirepath/core/plugin';
import {
  DGRAM_SOCKET_BYTES,
  DgramSocket,
  NativeCodeError,
  openUdpBeside,
  PacketMemory,
  socketDescriptor,
  UDP_BATCHES_BYTES,
  UdpBatches,
  type DatagramSocket,
  type UdpOffload,
} from '@wirepath/linux';
import { OUTBOX_BYTES } from './outbox.js';
import type { BoundDatagrams, UdpNetwork } from './udp-network.js';

/**
 * Inwards, bursts wait here while the process is busy; outwards it is more than the kernel keeps for one neighbour that does
 * not answer (`unres_qlen_bytes`), which counts against it. The kernel cuts both to its limit.
 */
const BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * The real network: many datagrams at a time where the system can, one by one with `node:dgram` elsewhere.
 * @param avoid what is not to be used although the system has it.
 */
export function systemUdpNetwork(avoid: readonly UdpOffload[] = []): UdpNetwork {
  try {
    const memory = new PacketMemory(UDP_BATCHES_BYTES + OUTBOX_BYTES);
    return new SystemNetwork(memory, new UdpBatches(memory, { avoid }));
  } catch (error) {
    if (!(error instanceof NativeCodeError)) throw error;
    return dgramNetwork();
  }
}

/** The portable one. */
export function dgramNetwork(): UdpNetwork {
  return new SystemNetwork(new PacketMemory(DGRAM_SOCKET_BYTES + OUTBOX_BYTES), undefined);
}

class SystemNetwork implements UdpNetwork {
  readonly memory: PacketMemory;
  readonly #batches: UdpBatches | undefined;

  constructor(memory: PacketMemory, batches: UdpBatches | undefined) {
    this.memory = memory;
    this.#batches = batches;
  }

  async open<Source>({ family, ip, port }: TransportAddress): Promise<BoundDatagrams<Source>> {
    return this.#wrap(await openUdpSocket({ family, address: ip, port, bufferSizeBytes: BUFFER_BYTES }), family);
  }

  openBeside<Source>({ port, descriptor, family }: DatagramSocket<Source>, ip: string): BoundDatagrams<Source> {
    const address = parseCidr(ip)?.bytes;
    if (descriptor === undefined || address === undefined) throw new Error(`no socket of the system beside ${ip}`);
    const socket = openUdpBeside({ descriptor, port }, address, { bufferSizeBytes: BUFFER_BYTES });
    return this.#wrap(socket, family);
  }

  #wrap<Source>(socket: Socket, family: 4 | 6): BoundDatagrams<Source> {
    // An error of one datagram (EACCES for a broadcast address, ENETUNREACH) says nothing about the socket.
    socket.on('error', () => undefined);
    const { address, port } = socket.address();
    const descriptor = socketDescriptor(socket);
    const local = transportAddress(address, port);
    if (this.#batches === undefined || descriptor === undefined)
      return { datagrams: new DgramSocket<Source>(this.memory, socket, family), local };
    try {
      return { datagrams: this.#batches.adopt<Source>(descriptor, family, port), local };
    } finally {
      socket.close();
    }
  }
}
