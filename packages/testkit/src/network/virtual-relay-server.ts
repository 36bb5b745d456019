import {
  formatAddress,
  parseTransportAddress,
  transportAddress,
  type Clock,
  type TransportAddress,
} from '@wirepath/core';
import {
  decodeChannelData,
  decodeJson,
  encodeChannelData,
  encodeJson,
  type RelayRequest,
} from './virtual-relay-wire.js';
import type { Packet } from './packet.js';
import type { VirtualHost, VirtualSocket } from './virtual-host.js';

/** Where requests come from, and answers go to. */
interface Client {
  readonly address: TransportAddress;
  /** Of the server. */
  readonly via: VirtualSocket;
  readonly key: string;
}

interface ServerAllocation {
  readonly client: Client;
  readonly socket: VirtualSocket;
  readonly relayed: TransportAddress;
  expiresAtMs: number;
  /** By IP, whatever the port (RFC 8656 9). */
  readonly permissions: Map<string, number>;
  readonly channels: Map<number, TransportAddress>;
}

/** RFC 8656 3.2 and 9. */
const ALLOCATION_LIFETIME_MS = 600_000;
const PERMISSION_LIFETIME_MS = 300_000;

/** A relay on a virtual host that does what a TURN server does: permissions by IP, channels by address, one allocation per 5-tuple. */
export class VirtualRelayServer {
  readonly #allocations = new Map<string, ServerAllocation>();
  readonly #sockets: readonly VirtualSocket[];
  /** Why a request is refused, where it is: `quota`, `403`. */
  refuses: (request: RelayRequest) => string | undefined = () => undefined;

  constructor(
    readonly host: VirtualHost,
    readonly address: TransportAddress,
    readonly clock: Clock,
  ) {
    this.#sockets = (['udp', 'stream'] as const).map((over) => {
      const via: VirtualSocket = host.bind(address.family, address.port, (packet) => this.#receive(packet, via), over);
      return via;
    });
  }

  get allocations(): number {
    return this.#allocations.size;
  }

  /** Forgets every allocation, as a restart does. */
  restart(): void {
    for (const key of [...this.#allocations.keys()]) this.#free(key);
  }

  close(): void {
    this.restart();
    for (const socket of this.#sockets) socket.close();
  }

  #receive({ source, bytes }: Packet, via: VirtualSocket): void {
    const client: Client = { address: source, via, key: `${this.#sockets.indexOf(via)} ${formatAddress(source)}` };
    const channelData = decodeChannelData(bytes);
    const allocation = this.#alive(client.key);
    if (channelData !== undefined) {
      const peer = allocation?.channels.get(channelData.channel);
      if (peer !== undefined) allocation?.socket.send(peer, channelData.data);
      return;
    }
    const request = decodeJson<RelayRequest>(bytes);
    if (request === undefined) return;
    const error = this.refuses(request) ?? this.#perform(request, client, allocation);
    const made = this.#allocations.get(client.key);
    const answer = {
      id: request.id,
      mapped: formatAddress(source),
      ...(error === undefined ? {} : { error }),
      ...(made && { relayed: formatAddress(made.relayed) }),
    };
    via.send(source, encodeJson(answer));
  }

  /** @returns what is wrong. */
  #perform(request: RelayRequest, client: Client, allocation: ServerAllocation | undefined): string | undefined {
    if (request.do === 'probe') return undefined;
    if (request.do === 'allocate') {
      if (allocation === undefined) this.#allocate(client);
      return undefined;
    }
    if (allocation === undefined) return '437 allocation mismatch';
    switch (request.do) {
      case 'refresh':
        allocation.expiresAtMs = this.clock.now() + ALLOCATION_LIFETIME_MS;
        return undefined;
      case 'permit': {
        const peer = parseTransportAddress(request.peer ?? '');
        if (peer === undefined || request.channel === undefined) return '400 bad request';
        allocation.permissions.set(peer.ip, this.clock.now() + PERMISSION_LIFETIME_MS);
        allocation.channels.set(request.channel, peer);
        return undefined;
      }
      case 'free':
        this.#free(client.key);
        return undefined;
    }
  }

  #allocate(client: Client): void {
    const socket = this.host.bind(this.address.family, 0, ({ source, bytes }) => this.#fromPeer(client, source, bytes));
    this.#allocations.set(client.key, {
      client,
      socket,
      relayed: transportAddress(this.address.ip, socket.port),
      expiresAtMs: this.clock.now() + ALLOCATION_LIFETIME_MS,
      permissions: new Map(),
      channels: new Map(),
    });
  }

  #fromPeer(client: Client, peer: TransportAddress, bytes: Uint8Array): void {
    const allocation = this.#alive(client.key);
    if (allocation === undefined || (allocation.permissions.get(peer.ip) ?? 0) <= this.clock.now()) return;
    const text = formatAddress(peer);
    for (const [channel, bound] of allocation.channels) {
      if (formatAddress(bound) === text) return client.via.send(client.address, encodeChannelData(channel, bytes));
    }
    client.via.send(client.address, encodeJson({ from: text, data: Buffer.from(bytes).toString('base64') }));
  }

  #alive(key: string): ServerAllocation | undefined {
    const allocation = this.#allocations.get(key);
    if (allocation === undefined || allocation.expiresAtMs > this.clock.now()) return allocation;
    this.#free(key);
    return undefined;
  }

  #free(key: string): void {
    this.#allocations.get(key)?.socket.close();
    this.#allocations.delete(key);
  }
}
