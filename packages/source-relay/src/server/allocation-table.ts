import type { Holder } from './fair-share.js';
import type { TransportAddress } from '@wirepath/stun-codec';
import type { FiveTuple } from './five-tuple.js';
import { endpointKey } from './endpoint-key.js';
import type { ServerAllocation } from './server-allocation.js';
import type { ServerSocket } from './server-socket.js';

/** The live allocations: by 5-tuple, by relayed address, and how many each user, source and site has. */
export class AllocationTable {
  readonly #byClient = new WeakMap<ServerSocket, Map<string, ServerAllocation>>();
  readonly #byRelayed = new Map<string, ServerAllocation>();
  readonly #perUser = new Map<string, number>();
  readonly #perSource = new Map<string, number>();
  /** Raised whenever an allocation came or went. */
  generation = 0;

  get size(): number {
    return this.#byRelayed.size;
  }

  get userCount(): number {
    return this.#perUser.size;
  }

  /** By what carries the client's side, and by the family of the relayed address. */
  figures() {
    const figures = { over: { udp: 0, tcp: 0, tls: 0 }, relayed: { ipv4: 0, ipv6: 0 } };
    for (const { owner, port } of this) {
      figures.over[owner.client.socket.protocol] += 1;
      figures.relayed[`ipv${port.relayedAddress.family}`] += 1;
    }
    return figures;
  }

  [Symbol.iterator](): IterableIterator<ServerAllocation> {
    return this.#byRelayed.values();
  }

  countOf({ user, source, site }: Holder): Record<keyof Holder, number> {
    return {
      user: this.#perUser.get(user) ?? 0,
      source: this.#perSource.get(source) ?? 0,
      site: site === undefined ? 0 : (this.#perSource.get(site) ?? 0),
    };
  }

  /** One that has expired, too. */
  ofClient(client: FiveTuple): ServerAllocation | undefined {
    return this.#byClient.get(client.socket)?.get(client.key);
  }

  /** Of all clients that send to this socket. */
  through(socket: ServerSocket): ServerAllocation[] {
    return [...(this.#byClient.get(socket)?.values() ?? [])];
  }

  /** @param relayedKey see {@link endpointKey}. */
  ofRelayed(relayedKey: string): ServerAllocation | undefined {
    return this.#byRelayed.get(relayedKey);
  }

  add(allocation: ServerAllocation): void {
    const { client, holder } = allocation.owner;
    const { socket } = client;
    const clients = this.#byClient.get(socket) ?? new Map<string, ServerAllocation>();
    this.#byClient.set(socket, clients);
    clients.set(client.key, allocation);
    this.#byRelayed.set(keyOf(allocation.port.relayedAddress), allocation);
    this.#count(holder, 1);
    this.generation += 1;
    socket.allocated?.(true);
  }

  /** With which it has ended. False when it was not there. */
  remove(allocation: ServerAllocation): boolean {
    const { client, holder } = allocation.owner;
    const { socket } = client;
    if (!this.#byRelayed.delete(keyOf(allocation.port.relayedAddress))) return false;
    this.#byClient.get(socket)?.delete(client.key);
    allocation.end();
    this.#count(holder, -1);
    this.generation += 1;
    socket.allocated?.(false);
    return true;
  }

  #count({ user, source, site }: Holder, change: 1 | -1): void {
    add(this.#perUser, user, change);
    add(this.#perSource, source, change);
    if (site !== undefined) add(this.#perSource, site, change);
  }
}

function add(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

function keyOf({ ip, port }: TransportAddress): string {
  return endpointKey(ip, port);
}
