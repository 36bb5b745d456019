/** WireGuard messages: captured ones replayed and damaged, and initiations that anybody can sign who knows the public key. */
import { hash, mac } from '../../packages/transport-wg/dist/protocol/crypto.js';
import { LABEL_MAC1 } from '../../packages/transport-wg/dist/protocol/constants.js';
import { mutate } from './mutate.mjs';

const LENGTHS = { 1: 148, 2: 92, 3: 64 };

export class WireGuardForge {
  #random;
  #samples;
  #mac1Keys;

  /** @param samples captured messages. @param publicKeys of the nodes, base64. */
  constructor(random, samples, publicKeys) {
    this.#random = random;
    this.#samples = samples;
    this.#mac1Keys = publicKeys.map((key) => hash(LABEL_MAC1, Buffer.from(key, 'base64')));
  }

  next() {
    const random = this.#random;
    const choice = random.int(8);
    if (choice < 4) return mutate(random.pick(this.#samples), random);
    if (choice < 6) return this.#ofType(1 + random.int(4));
    return this.#signed();
  }

  /** Right type and length, random inside. */
  #ofType(type) {
    const random = this.#random;
    const bytes = random.bytes(LENGTHS[type] ?? 32 + 16 * random.int(80));
    bytes.writeUInt32LE(type, 0);
    return random.oneIn(8) ? mutate(bytes, random) : bytes;
  }

  /** An initiation or response with a right mac1, which the receiver has to look into. */
  #signed() {
    const random = this.#random;
    const type = random.oneIn(4) ? 2 : 1;
    const known = this.#samples.filter((sample) => sample[0] === type && sample.length === LENGTHS[type]);
    const bytes = known.length > 0 && random.oneIn(2) ? Buffer.from(random.pick(known)) : this.#plain(type);
    bytes[8 + random.int(bytes.length - 40)] ^= 1 << random.int(8);
    mac(random.pick(this.#mac1Keys), bytes.subarray(0, -32)).forEach(
      (byte, i) => (bytes[bytes.length - 32 + i] = byte),
    );
    return bytes;
  }

  #plain(type) {
    const bytes = this.#random.bytes(LENGTHS[type]);
    bytes.writeUInt32LE(type, 0);
    return bytes;
  }
}
