import { PacketMemory } from '@wirepath/linux';
import { nodeCipher } from '../../src/crypto/node-cipher.js';
import { PacketBuffers } from '../../src/protocol/packet-buffers.js';

/** What a device of a test needs of packet memory. What it gives its sink is read there, and nothing waits. */
export function newBuffers() {
  const buffers = new PacketBuffers(new PacketMemory(PacketBuffers.SIZE_BYTES));
  const { memory } = buffers;
  return {
    buffers,
    cipher: () => nodeCipher(memory),
    /** The bytes of a datagram or packet, copied. */
    read: (offset: number, sizeBytes: number) => memory.bytes.slice(offset, offset + sizeBytes),
  };
}
