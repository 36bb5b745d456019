import type { Clock, Counters, RandomSource } from '@wirepath/core/plugin';
import {
  CHANNEL_DATA_HEADER_LENGTH,
  encodeRelayIndication,
  isChannelData,
  MAX_INDICATION_DATA_LENGTH,
  transportAddress,
  writeChannelDataHeader,
  type StunMessage,
} from '@wirepath/stun-codec';
import type { AllocationTable } from './allocation-table.js';
import { BandwidthLimit, type Direction } from './bandwidth-limit.js';
import type { ServerDropReason } from './drop-reason.js';
import type { RelayMistakes } from './relay-mistakes.js';
import { endpointKey, type ServerAllocation } from './server-allocation.js';
import type { SendDrop, ServerSocket } from './server-socket.js';

export interface RelayedTrafficOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
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

/** The per-packet path (RFC 8656, sections 11 and 12): between clients and peers, with permissions and channels. */
export class RelayedTraffic {
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #table: AllocationTable;
  readonly #drops: Counters<ServerDropReason>;
  readonly #isListening: RelayedTrafficOptions['isListening'];
  readonly #mistakes: RelayedTrafficOptions['mistakes'];
  readonly #limit = new BandwidthLimit();
  readonly #relayed: Record<Direction, Relayed> = {
    toPeers: { packets: 0, bytes: 0 },
    toClients: { packets: 0, bytes: 0 },
  };

  constructor(options: RelayedTrafficOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#table = options.table;
    this.#drops = options.drops;
    this.#mistakes = options.mistakes;
    this.#isListening = options.isListening;
  }

  /** What was relayed; between two allocations of this relay it is counted both ways. */
  get relayed(): Readonly<Record<Direction, Relayed>> {
    return this.#relayed;
  }

  /** Of each allocation; undefined: no limit. */
  setMaxBitsPerSecond(bitsPerSecond: number | undefined): void {
    this.#limit.set(bitsPerSecond);
  }

  /** ChannelData from a client. */
  receiveChannelData(socket: ServerSocket, bytes: Buffer, ip: string, port: number): void {
    const nowMs = this.#clock.now();
    const allocation = this.#table.ofClient(socket, endpointKey(ip, port));
    if (allocation === undefined || allocation.expiresAtMs <= nowMs) return this.#drops.count('no-allocation');
    if (!isChannelData(bytes)) return this.#drops.count('malformed');
    const channel = allocation.channel(bytes.readUInt16BE(0), nowMs);
    if (channel === undefined) return this.#drops.count('no-channel');
    const end = CHANNEL_DATA_HEADER_LENGTH + bytes.readUInt16BE(2);
    const payload = bytes.subarray(CHANNEL_DATA_HEADER_LENGTH, end);
    this.#toPeer(allocation, channel.peer.ip, channel.peer.port, channel.peerKey, payload, nowMs);
  }

  /** A Send indication from a client. */
  receiveSend(allocation: ServerAllocation, indication: StunMessage): void {
    const { peerAddresses, data } = indication;
    const [peer] = peerAddresses;
    // DONT-FRAGMENT is let pass: Node has no way to set DF per datagram.
    if (peer === undefined || peerAddresses.length > 1 || data === undefined || indication.unknownRequired.length > 0)
      return this.#drops.count('malformed');
    this.#toPeer(allocation, peer.ip, peer.port, endpointKey(peer.ip, peer.port), data, this.#clock.now());
  }

  /** A datagram from outside at an allocation's relayed address. */
  receiveFromPeer(allocation: ServerAllocation, payload: Buffer, ip: string, port: number): void {
    this.#toClient(allocation, payload, ip, port, endpointKey(ip, port), this.#clock.now());
  }

  #toPeer(
    allocation: ServerAllocation,
    ip: string,
    port: number,
    peerKey: string,
    payload: Buffer,
    nowMs: number,
  ): void {
    const scope = allocation.permissionFor(ip, nowMs);
    if (scope === undefined) return this.#drops.count('no-permission');
    const neighbour = this.#table.ofRelayed(peerKey);
    if (neighbour === undefined && (scope === 'relayed-only' || this.#isListening(ip, port)))
      return this.#drops.count('peer-refused');
    if (!this.#mayCarry(allocation, 'toPeers', payload, nowMs)) return;
    if (neighbour !== undefined) {
      this.#count('toPeers', payload);
      // Two allocations of this relay: what one sends to the other does not leave the process.
      const { relayedAddress } = allocation.port;
      const fromKey = endpointKey(relayedAddress.ip, relayedAddress.port);
      return this.#toClient(neighbour, payload, relayedAddress.ip, relayedAddress.port, fromKey, nowMs);
    }
    if (allocation.port.socket.send(payload, ip, port)) this.#count('toPeers', payload);
    else this.#drops.count('send-failed');
  }

  #toClient(
    allocation: ServerAllocation,
    payload: Buffer,
    ip: string,
    port: number,
    peerKey: string,
    nowMs: number,
  ): void {
    if (allocation.expiresAtMs <= nowMs) return this.#drops.count('no-allocation');
    if (allocation.permissionFor(ip, nowMs) === undefined) return this.#drops.count('no-permission');
    if (!this.#mayCarry(allocation, 'toClients', payload, nowMs)) return;
    const { socket, client } = allocation.owner;
    const channel = allocation.channelOf(peerKey, nowMs);
    let dropped: SendDrop | undefined;
    if (channel !== undefined) {
      const header = Buffer.allocUnsafe(CHANNEL_DATA_HEADER_LENGTH);
      writeChannelDataHeader(header, channel.number, payload.length);
      dropped = socket.sendRelayed([header, payload], client.ip, client.port);
    } else {
      if (payload.length > MAX_INDICATION_DATA_LENGTH) return this.#drops.count('oversized');
      const indication = encodeRelayIndication('data', this.#random.bytes(12), transportAddress(ip, port), payload);
      dropped = socket.sendRelayed([indication], client.ip, client.port);
    }
    if (dropped === undefined) this.#count('toClients', payload);
    else this.#drops.count(dropped);
  }

  #mayCarry(allocation: ServerAllocation, direction: Direction, { length }: Uint8Array, nowMs: number): boolean {
    if (this.#limit.take(allocation, direction, length, nowMs)) return true;
    this.#drops.count('over-bandwidth');
    this.#mistakes.overBandwidth(allocation.owner.holder.user, this.#limit.bitsPerSecond ?? 0);
    return false;
  }

  #count(direction: Direction, { length }: Uint8Array): void {
    const relayed = this.#relayed[direction];
    relayed.packets += 1;
    relayed.bytes += length;
  }
}
