import {
  parseTransportAddress,
  type Allocation,
  type Clock,
  type Relay,
  type RelayContext,
  type RelayFraming,
  type RelayServer,
  type TransportAddress,
} from '@wirepath/core';
import { Listeners } from '@wirepath/core/plugin';
import { VirtualRelayClient } from '../network/virtual-relay-client.js';

/** Relays on a virtual network, for nodes there: see `VirtualRelayServer`. URLs are `memory:IP:PORT`. */
export class MemoryRelay implements Relay {
  #allocated = 0;

  constructor(
    readonly servers: readonly RelayServer[],
    readonly clock: Clock,
  ) {}

  allocate(server: RelayServer, { datagrams, signal }: RelayContext): Promise<Allocation> {
    const address = parseTransportAddress(server.url.replace(/^memory:/, ''));
    const base = datagrams?.bases.find(({ family, shared }) => shared && family === address?.family);
    if (address === undefined || datagrams === undefined || base === undefined)
      return Promise.reject(new Error(`${server.url}: no socket leads there`));
    if (signal.aborted) return Promise.reject(new Error('aborted'));
    const lost = new Listeners<Error>();
    this.#allocated += 1;
    const allocationId = `relay${this.#allocated}`;
    const onLost = (reason: string) => lost.tell(new Error(reason));
    const client = new VirtualRelayClient({
      allocationId,
      server: address,
      base,
      datagrams,
      clock: this.clock,
      onLost,
    });
    return new Promise((resolve, reject) => {
      const onAbort = () => client.close();
      signal.addEventListener('abort', onAbort, { once: true });
      client.allocate((error) => {
        signal.removeEventListener('abort', onAbort);
        const { relayedAddress } = client;
        if (error === undefined && relayedAddress !== undefined)
          return resolve(new MemoryAllocation(allocationId, server, relayedAddress, client, lost));
        client.close();
        reject(new Error(`${server.url}: ${error ?? 'no relayed address'}`));
      });
    });
  }
}

class MemoryAllocation implements Allocation {
  constructor(
    readonly id: string,
    readonly server: RelayServer,
    readonly relayedAddress: TransportAddress,
    readonly client: VirtualRelayClient,
    readonly lost: Listeners<Error>,
  ) {}

  get mappedAddress(): TransportAddress {
    // The answer that told the relayed address told it too.
    return this.client.mappedAddress ?? this.relayedAddress;
  }

  get rttMs(): number | undefined {
    return this.client.rttMs;
  }

  permit(peer: TransportAddress, { signal }: { signal: AbortSignal }): Promise<RelayFraming> {
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(new Error('aborted'));
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.client.permit(peer, (error, framing) => {
        signal.removeEventListener('abort', onAbort);
        if (framing !== undefined) resolve(framing);
        else reject(new Error(error));
      });
    });
  }

  release(peer: TransportAddress): void {
    this.client.release(peer);
  }

  refresh(_options: { signal: AbortSignal }): Promise<boolean> {
    return new Promise((resolve) => this.client.refresh((error) => resolve(error === undefined)));
  }

  onLost(listener: (reason: Error) => void): Disposable {
    return this.lost.add(listener);
  }

  async close(): Promise<void> {
    this.client.close();
  }
}
