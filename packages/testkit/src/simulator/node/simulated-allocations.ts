import {
  parseTransportAddress,
  type Clock,
  type Datagrams,
  type DriverEvent,
  type EnginePath,
  type PublicKey,
  type RelayFraming,
  type RelayServerOf,
  type TransportAddress,
} from '@wirepath/core';
import { decodeJson, encodeJson, type RelayMessage } from '../../network/virtual-relay-wire.js';
import type { VirtualHost } from '../../network/virtual-host.js';
import { VirtualRelayClient } from '../../network/virtual-relay-client.js';

export interface SimulatedAllocationsNeeds {
  readonly datagrams: Datagrams;
  readonly clock: Clock;
  readonly host: VirtualHost;
  readonly onEvent: (event: DriverEvent) => void;
}

const PROBES_AT_MS = [500, 1500, 3500] as const;
const PROBE_LIMIT_MS = 5000;

/** A relay plugin on a virtual network, with callbacks in the place of promises. */
export class SimulatedAllocations {
  readonly #needs: SimulatedAllocationsNeeds;
  readonly #clients = new Map<string, VirtualRelayClient>();
  readonly #probes = new Set<Disposable>();
  #made = 0;

  constructor(needs: SimulatedAllocationsNeeds) {
    this.#needs = needs;
  }

  /** @param on a server whose URL is `memory:IP:PORT`, or `memory+tcp:IP:PORT`. */
  allocate(on: RelayServerOf): void {
    const { datagrams, clock, host, onEvent } = this.#needs;
    const failure = (reason: string) => ({ reason, answered: false });
    const server = addressOf(on);
    const streamFrom = on.server.transport === 'udp' ? undefined : host;
    const base = datagrams.bases.find(({ family, shared }) => shared && family === server?.family);
    if (server === undefined || base === undefined)
      return onEvent({ type: 'allocation-failed', on, failure: failure('no socket leads there') });
    this.#made += 1;
    const id = `relay${this.#made}`;
    const onLost = (reason: string) => {
      this.#clients.delete(id);
      onEvent({ type: 'allocation-lost', allocationId: id, failure: failure(reason) });
    };
    const client = new VirtualRelayClient({ allocationId: id, server, base, streamFrom, datagrams, clock, onLost });
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

  /** From a socket of its own. */
  probe(on: RelayServerOf): void {
    const { clock, host, onEvent } = this.#needs;
    const server = addressOf(on);
    if (server === undefined) return;
    const startedAtMs = clock.now();
    const socket = host.bind(
      server.family,
      0,
      ({ bytes }) => {
        if (decodeJson<RelayMessage>(bytes) === undefined) return;
        end();
        onEvent({ type: 'relay-probed', on, rttMs: clock.now() - startedAtMs });
      },
      on.server.transport === 'udp' ? 'udp' : 'stream',
    );
    const send = () => socket.send(server, encodeJson({ id: 1, do: 'probe' }));
    const timers = PROBES_AT_MS.map((ms) => clock.setTimeout(send, ms));
    const end = () => {
      for (const timer of timers) timer[Symbol.dispose]();
      socket.close();
      this.#probes.delete(probe);
    };
    const probe: Disposable = { [Symbol.dispose]: end };
    this.#probes.add(probe);
    const giveUp = () => {
      end();
      onEvent({ type: 'relay-probe-failed', on, failure: { reason: 'no answer', answered: false } });
    };
    timers.push(clock.setTimeout(giveUp, PROBE_LIMIT_MS));
    send();
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
    for (const probe of [...this.#probes]) probe[Symbol.dispose]();
  }
}

function addressOf({ server }: RelayServerOf): TransportAddress | undefined {
  return parseTransportAddress(server.url.replace(/^memory(\+tcp)?:/, ''));
}
