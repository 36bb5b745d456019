import type { LinuxLibc } from '../libc/libc.js';
import type { PacketMemory } from '../memory/packet-memory.js';
import type { ReceiveVectors, SendVectors } from './message-vectors.js';

/** What may not be used, where it is broken, or in order to see what it wins. */
export const UDP_OFFLOADS = ['batches', 'gso', 'gro'] as const;
export type UdpOffload = (typeof UDP_OFFLOADS)[number];

/** What the sockets of one packet memory share: as all are served on one thread, one after the other. */
export interface UdpShared {
  readonly libc: LinuxLibc;
  readonly memory: PacketMemory;
  readonly receive: ReceiveVectors;
  readonly send: SendVectors;
  readonly avoid: ReadonlySet<UdpOffload>;
  /** An interface's name by its index. */
  readonly nameOf: (index: number) => string | undefined;
}
