import { linuxLibc } from '../libc/libc.js';
import { NativeCodeError } from '../libc/native-code-error.js';
import { SystemCallError } from '../libc/system-call-error.js';
import type { PacketMemory } from '../memory/packet-memory.js';
import { BatchedSocket } from './batched-socket.js';
import type { DatagramSocket } from './datagram-socket.js';
import { ReceiveVectors, SendVectors } from './message-vectors.js';
import type { UdpOffload, UdpShared } from './udp-shared.js';

/** Makes sockets that send and receive many datagrams at a time, on one packet memory. Linux only. */
export class UdpBatches {
  readonly #shared: UdpShared;

  /**
   * Takes {@link UDP_BATCHES_BYTES} of the memory.
   * @throws NativeCodeError where there are no such system calls. @throws RangeError where the memory has not enough left.
   */
  constructor(memory: PacketMemory, { avoid = [] }: { readonly avoid?: readonly UdpOffload[] } = {}) {
    const libc = linuxLibc();
    if (memory.address === 0) throw new NativeCodeError('module', 'the packet memory has no address');
    const name = memory.reserve(64);
    this.#shared = {
      libc,
      memory,
      receive: new ReceiveVectors(memory),
      send: new SendVectors(memory),
      avoid: new Set(avoid),
      nameOf: (index) => {
        if (libc.if_indextoname(index, memory.address + name) === 0) return undefined;
        const end = memory.bytes.indexOf(0, name);
        return Buffer.from(memory.bytes.subarray(name, end)).toString('latin1');
      },
    };
  }

  /**
   * A second socket on what a bound, non-blocking one is, by another number: options, address, and what waits in it. Whoever has
   * the first one closes it, and what comes in meanwhile goes to either.
   * @throws SystemCallError EMFILE.
   */
  adopt<Source>(descriptor: number, family: 4 | 6, port: number): DatagramSocket<Source> {
    const { libc } = this.#shared;
    const own = libc.duplicate(descriptor);
    if (own < 0) throw new SystemCallError('cannot take over a UDP socket', 'fcntl', libc.errno());
    return new BatchedSocket<Source>(this.#shared, own, family, port);
  }
}
