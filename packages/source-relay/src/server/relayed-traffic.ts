import type { Clock, Counters, Guard, RandomSource } from '@wirepath/core/plugin';
import type { DatagramReceiver } from '@wirepath/linux';
import {
  CHANNEL_DATA_HEADER_LENGTH,
  encodeRelayIndication,
  isChannelData,
  MAX_INDICATION_DATA_LENGTH,
  writeChannelDataHeader,
  type StunMessage,
} from '@wirepath/stun-codec';
import type { AllocationTable } from './allocation-table.js';
import { BandwidthLimit, type Direction } from './bandwidth-limit.js';
import type { Client } from './client.js';
import type { ServerDropReason } from './drop-reason.js';
import { PeerReceiver } from './peer-receiver.js';
import type { RelayMistakes } from './relay-mistakes.js';
import { Peer, type ServerAllocation } from './server-allocation.js';
import type { SendDrop } from './server-socket.js';
import type { Outbox } from './udp/outbox.js';

export interface RelayedTrafficOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly guard: Guard;
  readonly outbox: Outbox;
  readonly table: AllocationTable;
  readonly drops: Counters<ServerDropReason>;
  readonly mistakes: Pick<RelayMistakes, 'overBandwidth'>;
  /** Whether this is one of the server's own listening addresses: a relay that sends to itself would loop. */
  readonly isListening: (ip: string, port: number) => boolean;
}

/** Bytes of payload. */
export interface Relayed {
  packets: number;
  bytes: number;
}

/**
 * The per-packet path (RFC 8656, sections 11 and 12): between clients and peers, with permissions and channels. A payload stays where
 * it is in the packet memory, and the header of ChannelData is read or written in the 4 bytes before it.
 */
export class RelayedTraffic {
  readonly #options: RelayedTrafficOptions;
  readonly #clock: Clock;
  readonly #table: AllocationTable;
  readonly #drops: Counters<ServerDropReason>;
  readonly #outbox: Outbox;
  readonly #bytes: Uint8Array;
  readonly #limit = new BandwidthLimit();
  /** A datagram from outside at an allocation's relayed address. */
  readonly #receiveFromPeer = (allocation: ServerAllocation, peer: Peer, offset: number, sizeBytes: number): void =>
    this.#toClient(allocation, peer, offset, sizeBytes, this.#clock.now());
  readonly #relayed: Record<Direction, Relayed> = {
    toPeers: { packets: 0, bytes: 0 },
    toClients: { packets: 0, bytes: 0 },
  };

  constructor(options: RelayedTrafficOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#table = options.table;
    this.#drops = options.drops;
    this.#outbox = options.outbox;
    this.#bytes = options.outbox.memory.bytes;
  }

  /** What was relayed; between two allocations of this relay it is counted both ways. */
  get relayed(): Readonly<Record<Direction, Relayed>> {
    return this.#relayed;
  }

  /** Of each allocation; undefined: no limit. */
  setMaxBitsPerSecond(bitsPerSecond: number | undefined): void {
    this.#limit.set(bitsPerSecond);
  }

  /** What starts the socket at its relayed address. */
  receiverAt(allocation: ServerAllocation): DatagramReceiver<Peer> {
    const { guard } = this.#options;
    return new PeerReceiver({
      allocation,
      receive: this.#receiveFromPeer,
      outbox: this.#outbox,
      drops: this.#drops,
      guard,
    });
  }

  /** ChannelData from a client, at an offset into the packet memory. */
  receiveChannelData(client: Client, offset: number, sizeBytes: number): void {
    const nowMs = this.#clock.now();
    const allocation = this.#allocationOf(client, nowMs);
    if (allocation === undefined) return this.#drops.count('no-allocation');
    const bytes = this.#bytes;
    if (!isChannelData(bytes, offset, sizeBytes)) return this.#drops.count('malformed');
    const number = ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
    const channel = allocation.channel(number, nowMs);
    if (channel === undefined) return this.#drops.count('no-channel');
    const payloadBytes = ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0);
    this.#toPeer(allocation, channel.peer, offset + CHANNEL_DATA_HEADER_LENGTH, payloadBytes, nowMs);
  }

  /** A Send indication from a client. */
  receiveSend(allocation: ServerAllocation, indication: StunMessage): void {
    const { peerAddresses, data } = indication;
    const [address] = peerAddresses;
    // DONT-FRAGMENT is let pass: there is no DF of a single datagram.
    if (
      address === undefined ||
      peerAddresses.length > 1 ||
      data === undefined ||
      indication.unknownRequired.length > 0
    )
      return this.#drops.count('malformed');
    const peer = allocation.addressee(address);
    this.#toPeer(allocation, peer, this.#outbox.place(data), data.length, this.#clock.now());
  }

  #allocationOf(client: Client, nowMs: number): ServerAllocation | undefined {
    const known = client.allocation;
    if (known !== undefined && known.expiresAtMs > nowMs) return known;
    const allocation = (client.allocation = this.#table.ofClient(client));
    return allocation !== undefined && allocation.expiresAtMs > nowMs ? allocation : undefined;
  }

  #toPeer(allocation: ServerAllocation, peer: Peer, offset: number, sizeBytes: number, nowMs: number): void {
    const scope = allocation.permissionOf(peer, nowMs);
    if (scope === undefined) return this.#drops.count('no-permission');
    if (peer.neighbourGeneration !== this.#table.generation) this.#findNeighbour(allocation, peer);
    const { neighbour, seenByNeighbour, address } = peer;
    if (neighbour === undefined && (scope === 'relayed-only' || this.#options.isListening(address.ip, address.port)))
      return this.#drops.count('peer-refused');
    if (!this.#mayCarry(allocation, 'toPeers', sizeBytes, nowMs)) return;
    if (neighbour !== undefined && seenByNeighbour !== undefined) {
      this.#count('toPeers', sizeBytes);
      // Two allocations of this relay: what one sends to the other does not leave the process.
      return this.#toClient(neighbour, seenByNeighbour, offset, sizeBytes, nowMs);
    }
    const dropped = allocation.port.socket.sendRelayed(offset, sizeBytes, address);
    if (dropped === undefined) this.#count('toPeers', sizeBytes);
    else this.#drops.count(dropped);
  }

  #findNeighbour(allocation: ServerAllocation, peer: Peer): void {
    const neighbour = this.#table.ofRelayed(peer.key);
    if (neighbour !== peer.neighbour) {
      peer.neighbour = neighbour;
      peer.seenByNeighbour = neighbour === undefined ? undefined : new Peer(allocation.port.relayedAddress);
    }
    peer.neighbourGeneration = this.#table.generation;
  }

  #toClient(allocation: ServerAllocation, peer: Peer, offset: number, sizeBytes: number, nowMs: number): void {
    if (allocation.expiresAtMs <= nowMs) return this.#drops.count('no-allocation');
    if (allocation.permissionOf(peer, nowMs) === undefined) return this.#drops.count('no-permission');
    if (!this.#mayCarry(allocation, 'toClients', sizeBytes, nowMs)) return;
    const { client } = allocation.owner;
    const channel = allocation.channelOf(peer, nowMs);
    let dropped: SendDrop | undefined;
    if (channel !== undefined) {
      const start = offset - CHANNEL_DATA_HEADER_LENGTH;
      writeChannelDataHeader(this.#bytes, channel.number, sizeBytes, start);
      dropped = client.socket.sendRelayed(start, CHANNEL_DATA_HEADER_LENGTH + sizeBytes, client.to);
    } else {
      if (sizeBytes > MAX_INDICATION_DATA_LENGTH) return this.#drops.count('oversized');
      const payload = this.#bytes.subarray(offset, offset + sizeBytes);
      const indication = encodeRelayIndication('data', this.#options.random.bytes(12), peer.address, payload);
      dropped = client.socket.sendRelayed(this.#outbox.place(indication), indication.length, client.to);
    }
    if (dropped === undefined) this.#count('toClients', sizeBytes);
    else this.#drops.count(dropped);
  }

  #mayCarry(allocation: ServerAllocation, direction: Direction, sizeBytes: number, nowMs: number): boolean {
    if (this.#limit.take(allocation, direction, sizeBytes, nowMs)) return true;
    this.#drops.count('over-bandwidth');
    this.#options.mistakes.overBandwidth(allocation.owner.holder.user, this.#limit.bitsPerSecond ?? 0);
    return false;
  }

  #count(direction: Direction, sizeBytes: number): void {
    const relayed = this.#relayed[direction];
    relayed.packets += 1;
    relayed.bytes += sizeBytes;
  }
}
