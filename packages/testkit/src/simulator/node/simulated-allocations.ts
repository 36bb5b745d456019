import type { Base, Clock, Datagrams, LocalBase, RelayFraming, TransportAddress } from '@wirepath/core';
import { VirtualRelayClient } from '../../network/virtual-relay-client.js';

export interface SimulatedAllocationsNeeds {
  readonly datagrams: Datagrams;
  readonly clock: Clock;
  /** Called when one came or went. */
  readonly onChange: () => void;
}

const RETRY_MS = 1000;

/** The allocations of a simulated node, one on each of its relays; lost ones are made again. */
export class SimulatedAllocations {
  readonly #needs: SimulatedAllocationsNeeds;
  readonly #clients = new Map<string, VirtualRelayClient>();
  readonly #retries = new Set<Disposable>();
  #made = 0;
  #stopped = false;

  constructor(needs: SimulatedAllocationsNeeds) {
    this.#needs = needs;
  }

  allocate(server: TransportAddress): void {
    const { datagrams, clock } = this.#needs;
    const base = datagrams.bases.find(({ family }) => family === server.family);
    if (base !== undefined) this.#allocate(server, base, clock);
  }

  get bases(): LocalBase[] {
    return [...this.#clients].flatMap(([id, { relayedAddress }]) =>
      relayedAddress === undefined ? [] : [{ id, family: relayedAddress.family, kind: 'allocation' as const }],
    );
  }

  get relayedAddresses(): TransportAddress[] {
    return [...this.#clients.values()].flatMap(({ relayedAddress }) => relayedAddress ?? []);
  }

  /** @returns false where there is no such allocation: nothing is called back then. */
  permit(id: string, peer: TransportAddress, answer: (error: string | undefined) => void): boolean {
    const client = this.#clients.get(id);
    client?.permit(peer, answer);
    return client !== undefined;
  }

  release(id: string, peer: TransportAddress): void {
    this.#clients.get(id)?.release(peer);
  }

  framing(id: string, peer: TransportAddress): RelayFraming | undefined {
    return this.#clients.get(id)?.framing(peer);
  }

  /** Are they still there? */
  refresh(): void {
    for (const client of this.#clients.values())
      if (client.relayedAddress !== undefined) client.refresh(() => undefined);
  }

  stop(): void {
    this.#stopped = true;
    for (const retry of this.#retries) retry[Symbol.dispose]();
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #allocate(server: TransportAddress, base: Base, clock: Clock): void {
    this.#made += 1;
    const allocationId = `relay${this.#made}`;
    const again = () => {
      this.#clients.delete(allocationId);
      this.#needs.onChange();
      this.#allocateLater(server);
    };
    const { datagrams } = this.#needs;
    const client = new VirtualRelayClient({ allocationId, server, base, datagrams, clock, onLost: again });
    this.#clients.set(allocationId, client);
    client.allocate((error) => {
      if (error === undefined) return this.#needs.onChange();
      client.close();
      if (!this.#stopped) again();
    });
  }

  #allocateLater(server: TransportAddress): void {
    const retry = this.#needs.clock.setTimeout(() => {
      this.#retries.delete(retry);
      this.allocate(server);
    }, RETRY_MS);
    this.#retries.add(retry);
  }
}
