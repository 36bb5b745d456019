import type { Counters, Guard } from '@wirepath/core/plugin';
import type { DatagramReceiver, SocketAddress } from '@wirepath/linux';
import { countFailed, type ServerDropReason } from './drop-reason.js';
import { Peer, type ServerAllocation } from './server-allocation.js';
import type { Outbox } from './udp/outbox.js';

export interface PeerReceiverOptions {
  readonly allocation: ServerAllocation;
  /** A datagram at an offset into the packet memory. */
  readonly receive: (allocation: ServerAllocation, peer: Peer, offset: number, sizeBytes: number) => void;
  readonly outbox: Outbox;
  readonly drops: Counters<ServerDropReason>;
  readonly guard: Guard;
}

/**
 * What the world sends to an allocation's relayed address. Where the system has joined datagrams of one source (GRO), they lie end
 * to end, and the one before still waits to be sent: its last bytes are no place for the header of the next.
 */
export class PeerReceiver implements DatagramReceiver<Peer> {
  readonly #options: PeerReceiverOptions;
  /** Of the datagram before this one. */
  #end = 0;

  constructor(options: PeerReceiverOptions) {
    this.#options = options;
  }

  source(address: SocketAddress): Peer {
    return new Peer(address);
  }

  datagram(offset: number, sizeBytes: number, peer: Peer): void {
    const { receive, allocation, outbox } = this.#options;
    const start = offset === this.#end ? outbox.copy(outbox.memory.bytes.subarray(offset, offset + sizeBytes)) : offset;
    this.#end = offset + sizeBytes;
    try {
      receive(allocation, peer, start, sizeBytes);
    } catch (error) {
      // A peer's datagram must not end the process, whatever fault of ours it meets.
      this.#options.guard.failed('datagram of a peer', error);
    }
  }

  batchEnd(): void {
    this.#end = 0;
    this.#options.outbox.flush();
  }

  failed(code: string, count: number): void {
    countFailed(this.#options.drops, code, count);
  }
}
