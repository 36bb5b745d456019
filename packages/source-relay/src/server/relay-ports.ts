import type { RandomSource } from '@wirepath/core/plugin';
import { socketAddress, type SocketAddress } from '@wirepath/linux';
import { transportAddress } from '@wirepath/stun-codec';
import type { AllocationPlace, RelayInterface, RelayInterfaces } from './relay-interfaces.js';
import type { UdpSockets } from './udp/udp-network.js';
import type { UdpServerSocket } from './udp/udp-server-socket.js';

/** How many ports that others on this host may have are tried before the relay says that it has none. */
const MAX_ATTEMPTS = 64;

/** A socket for an allocation, and the address that peers send to. */
export interface RelayPort {
  /** Started by whom the port belongs to, with what stands for a peer; until then nothing is read. */
  readonly socket: UdpServerSocket<unknown>;
  /** With the external address where there is a 1:1 NAT in front. */
  readonly relayedAddress: SocketAddress;
  /** Gives it back; rather than `socket.close()`. */
  close(): Promise<void>;
}

export interface RelayPortsOptions {
  readonly interfaces: Pick<RelayInterfaces, 'hasFamily' | 'of'>;
  /** Lowest and highest port. */
  readonly range: readonly [number, number];
  readonly sockets: UdpSockets;
  readonly random: RandomSource;
}

/** Opens sockets for allocations at unpredictable ports of the configured range. */
export class RelayPorts {
  readonly #options: RelayPortsOptions;
  /** Ports that are ours already, by family: to ask the system for them again would cost a socket each time. */
  readonly #taken = { 4: new Set<number>(), 6: new Set<number>() };

  constructor(options: RelayPortsOptions) {
    this.#options = options;
  }

  /** How many there are, of each family. */
  get capacity(): number {
    const [min, max] = this.#options.range;
    return max - min + 1;
  }

  hasFamily(family: 4 | 6): boolean {
    return this.#options.interfaces.hasFamily(family);
  }

  /**
   * @param count 2: the first port is even and the second the next one (EVEN-PORT with its R bit).
   * @returns undefined when no free port was found, or no address.
   */
  async open(
    family: 4 | 6,
    place: AllocationPlace,
    parity: 'any' | 'even',
    count: 1 | 2,
  ): Promise<RelayPort[] | undefined> {
    const relay = this.#options.interfaces.of(family, place);
    if (relay === undefined) return undefined;
    const [min, max] = this.#options.range;
    const step = parity === 'even' ? 2 : 1;
    const first = parity === 'even' ? min + (min % 2) : min;
    const choices = Math.floor((max - (count - 1) - first) / step) + 1;
    if (choices < 1) return undefined;
    const start = Buffer.from(this.#options.random.bytes(4)).readUInt32BE(0) % choices;
    const taken = this.#taken[family];
    for (let i = 0, attempts = 0; i < choices && attempts < MAX_ATTEMPTS; i++) {
      const port = first + step * ((start + i) % choices);
      if (taken.has(port) || (count === 2 && taken.has(port + 1))) continue;
      attempts++;
      const ports = await this.#openAt(family, relay, port, count);
      if (ports !== undefined) return ports;
    }
    return undefined;
  }

  async #openAt(
    family: 4 | 6,
    relay: RelayInterface,
    firstPort: number,
    count: number,
  ): Promise<RelayPort[] | undefined> {
    const opened: RelayPort[] = [];
    try {
      for (let i = 0; i < count; i++) opened.push(await this.#openOne(family, relay, firstPort + i));
      return opened;
    } catch {
      // In use, or out of file descriptors: another port is tried, and then the client is told 508.
      for (const port of opened) await port.close();
      return undefined;
    }
  }

  async #openOne(family: 4 | 6, relay: RelayInterface, port: number): Promise<RelayPort> {
    const socket = await this.#options.sockets.open(transportAddress(relay.bindIp, port));
    const taken = this.#taken[family];
    taken.add(socket.local.port);
    return {
      socket,
      close: () => socket.close().finally(() => taken.delete(socket.local.port)),
      relayedAddress: socketAddress(relay.advertisedIp, socket.local.port),
    };
  }
}
