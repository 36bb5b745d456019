import {
  parseTransportAddress,
  type Clock,
  type Datagrams,
  type DriverEvent,
  type EnginePath,
  type PublicKey,
  type RelayFraming,
  type RelayServerOf,
} from '@wirepath/core';
import { VirtualRelayClient } from '../../network/virtual-relay-client.js';

export interface SimulatedAllocationsNeeds {
  readonly datagrams: Datagrams;
  readonly clock: Clock;
  readonly onEvent: (event: DriverEvent) => void;
}

/** A relay plugin on a virtual network, with callbacks in the place of promises. */
export class SimulatedAllocations {
  readonly #needs: SimulatedAllocationsNeeds;
  readonly #clients = new Map<string, VirtualRelayClient>();
  #made = 0;

  constructor(needs: SimulatedAllocationsNeeds) {
    this.#needs = needs;
  }

  /** @param on a server whose URL is `memory:IP:PORT`. */
  allocate(on: RelayServerOf): void {
    const { datagrams, clock, onEvent } = this.#needs;
    const failure = (reason: string) => ({ reason, answered: false });
    const server = parseTransportAddress(on.server.url.replace(/^memory:/, ''));
    const base = datagrams.bases.find(({ family, shared }) => shared && family === server?.family);
    if (server === undefined || base === undefined)
      return onEvent({ type: 'allocation-failed', on, failure: failure('no socket leads there') });
    this.#made += 1;
    const id = `relay${this.#made}`;
    const onLost = (reason: string) => {
      this.#clients.delete(id);
      onEvent({ type: 'allocation-lost', allocationId: id, failure: failure(reason) });
    };
    const client = new VirtualRelayClient({ allocationId: id, server, base, datagrams, clock, onLost });
    this.#clients.set(id, client);
    client.allocate((error) => {
      const { relayedAddress, mappedAddress, rttMs } = client;
      if (error === undefined && relayedAddress !== undefined) {
        const allocation = { id, relayedAddress, ...(mappedAddress && { mappedAddress }), rttMs };
        return onEvent({ type: 'allocated', on, allocation, atMs: clock.unixMs() });
      }
      this.close(id);
      onEvent({ type: 'allocation-failed', on, failure: failure(error ?? 'no relayed address') });
    });
  }

  close(id: string): void {
    this.#clients.get(id)?.close();
    this.#clients.delete(id);
  }

  permit(peer: PublicKey, path: EnginePath): void {
    const answer = (granted: RelayFraming | { readonly error: string }) =>
      this.#needs.onEvent({ type: 'permission', peer, path, granted });
    const client = this.#clients.get(path.baseId);
    if (client === undefined) return answer({ error: 'the allocation is gone' });
    client.permit(path.remote, (error, framing) => answer(framing ?? { error: error ?? 'refused' }));
  }

  release({ baseId, remote }: EnginePath): void {
    this.#clients.get(baseId)?.release(remote);
  }

  /** Are they still there? */
  renew(): void {
    for (const client of this.#clients.values())
      if (client.relayedAddress !== undefined) client.refresh(() => undefined);
  }

  stop(): void {
    for (const id of [...this.#clients.keys()]) this.close(id);
  }
}
