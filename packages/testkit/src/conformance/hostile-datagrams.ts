import type { RandomSource } from '@wirepath/core';

/** Of every awkward length, and what looks like STUN, ChannelData or WireGuard but is not. */
export function* hostileDatagrams(random: RandomSource): Iterable<Uint8Array> {
  for (const length of [0, 1, 3, 4, 19, 20, 21, 1500]) yield random.bytes(length);
  const cookie = [0x21, 0x12, 0xa4, 0x42];
  for (let i = 0; i < 50; i += 1) {
    const body = random.bytes((i % 8) * 4);
    yield Uint8Array.of(1, i % 2, 0, body.length, ...cookie, ...random.bytes(12), ...body);
  }
  yield Uint8Array.of(0x40, 0, 0xff, 0xff);
  for (const type of [1, 2, 3, 4])
    for (const length of [0, 28, 60, 88, 144]) yield Uint8Array.of(type, 0, 0, 0, ...random.bytes(length));
}
