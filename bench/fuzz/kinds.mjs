/** The kinds of hostile datagrams, each a function from what the sender knows of itself to bytes. */
import { isStunMessage } from '@wirepath/stun-codec';
import { isTyped } from './counted.mjs';
import { mutate } from './mutate.mjs';
import { StunForge } from './stun-forge.mjs';
import { WireGuardForge } from './wireguard-forge.mjs';

/** Of these kinds every datagram goes to the STUN and TURN servers. */
export const FOR_SERVERS = new Set(['mutated STUN at the servers']);

/**
 * @param about `{ samples, publicKeys, relayUser }`: datagrams that the honest sides sent, as hex, and what an
 * insider knows.
 */
export function hostileKinds(random, { samples, publicKeys, relayUser }) {
  const captured = samples.map((hex) => Buffer.from(hex, 'hex')).filter(({ length }) => length > 0);
  const stun = new StunForge(random, captured.filter(isStunMessage), relayUser);
  const wireGuard = new WireGuardForge(random, captured.filter(isTyped), publicKeys);
  return {
    '0 to 3 bytes': () => random.bytes(random.int(4)),
    'random bytes': () => random.bytes(random.int(random.oneIn(4) ? 1473 : 160)),
    'mutated STUN': (source) => stun.next(source),
    'mutated WireGuard': () => wireGuard.next(),
    ChannelData: () => channelData(random),
    'mutated STUN at the servers': (source) => stun.next(source),
  };
}

/** Known and unknown channels; lengths that are right, padded, or lies. */
function channelData(random) {
  const payload = random.bytes(random.int(random.oneIn(4) ? 1400 : 64));
  const bytes = Buffer.concat([Buffer.alloc(4), payload]);
  bytes.writeUInt16BE(random.oneIn(2) ? 0x4000 + random.int(16) : 0x4000 + random.int(0x4000), 0);
  bytes.writeUInt16BE(random.oneIn(4) ? random.int(65536) : payload.length, 2);
  return random.oneIn(8) ? mutate(bytes, random) : bytes;
}
