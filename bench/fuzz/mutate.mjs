/** Damage to a datagram as the network, a fuzzer or a cunning sender would do it. */

const MAX_DATAGRAM_BYTES = 1472;
const INTERESTING_BYTES = [0x00, 0x01, 0x03, 0x04, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff];

const damages = [
  (bytes) => bytes,
  (bytes, random) => {
    for (let flips = 1 + random.int(8); flips > 0; flips -= 1) bytes[random.int(bytes.length)] ^= 1 << random.int(8);
    return bytes;
  },
  (bytes, random) => {
    for (let writes = 1 + random.int(4); writes > 0; writes -= 1) {
      bytes[random.int(bytes.length)] = random.pick(INTERESTING_BYTES);
    }
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random.int(bytes.length)),
  (bytes, random) => Buffer.concat([bytes, random.bytes(1 + random.int(random.oneIn(4) ? 1400 : 64))]),
  (bytes, random) => {
    const at = random.int(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.int(16)), bytes.subarray(at)]);
  },
  (bytes, random) => {
    const from = random.int(bytes.length);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + random.int(bytes.length - from))]);
  },
  (bytes, random) => {
    const at = random.int(bytes.length);
    random.bytes(Math.min(bytes.length - at, 1 + random.int(32))).copy(bytes, at);
    return bytes;
  },
];

/** One or two damages to a copy; once in eight times none, which is a replay. @param {Uint8Array} original not empty. */
export function mutate(original, random) {
  let bytes = random.pick(damages)(Buffer.from(original), random);
  if (bytes.length > 0 && random.oneIn(3)) bytes = random.pick(damages)(Buffer.from(bytes), random);
  return bytes.length > MAX_DATAGRAM_BYTES ? bytes.subarray(0, MAX_DATAGRAM_BYTES) : bytes;
}
