import type { TransportAddress } from '@wirepath/stun-codec';
import { endpointKey, type ServerAllocation } from './server-allocation.js';
import type { UdpSocket } from './udp-socket.js';

/** The live allocations: by 5-tuple, by relayed address, and how many each user has. */
export class AllocationTable {
  readonly #byClient = new Map<UdpSocket, Map<string, ServerAllocation>>();
  readonly #byRelayed = new Map<string, ServerAllocation>();
  readonly #perUser = new Map<string, number>();

  get size(): number {
    return this.#byRelayed.size;
  }

  get userCount(): number {
    return this.#perUser.size;
  }

  [Symbol.iterator](): IterableIterator<ServerAllocation> {
    return this.#byRelayed.values();
  }

  countOf(username: string): number {
    return this.#perUser.get(username) ?? 0;
  }

  /** @param clientKey see {@link endpointKey}. */
  ofClient(socket: UdpSocket, clientKey: string): ServerAllocation | undefined {
    return this.#byClient.get(socket)?.get(clientKey);
  }

  /** @param relayedKey see {@link endpointKey}. */
  ofRelayed(relayedKey: string): ServerAllocation | undefined {
    return this.#byRelayed.get(relayedKey);
  }

  add(allocation: ServerAllocation): void {
    const { socket, client, username } = allocation.owner;
    const clients = this.#byClient.get(socket) ?? new Map<string, ServerAllocation>();
    this.#byClient.set(socket, clients);
    clients.set(keyOf(client), allocation);
    this.#byRelayed.set(keyOf(allocation.port.relayedAddress), allocation);
    this.#perUser.set(username, this.countOf(username) + 1);
  }

  /** False when it was not there. */
  remove(allocation: ServerAllocation): boolean {
    const { socket, client, username } = allocation.owner;
    if (!this.#byRelayed.delete(keyOf(allocation.port.relayedAddress))) return false;
    this.#byClient.get(socket)?.delete(keyOf(client));
    const left = this.countOf(username) - 1;
    if (left > 0) this.#perUser.set(username, left);
    else this.#perUser.delete(username);
    return true;
  }
}

function keyOf({ ip, port }: TransportAddress): string {
  return endpointKey(ip, port);
}
