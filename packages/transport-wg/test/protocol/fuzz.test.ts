import { describe, expect, it } from 'vitest';
import { nodeAead } from '../../src/protocol/aead.js';
import { DROP_REASONS } from '../../src/protocol/drops.js';
import { connectedPair, path, type Node } from './link.js';

/** xorshift32: cheap, seeded. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const dropped = (node: Node) => DROP_REASONS.reduce((sum, reason) => sum + node.device.drops[reason], 0);

describe('hostile datagrams', () => {
  it.each([0, 1, 2, 3, 4, 16, 31])('%i bytes are dropped', (length) => {
    const { network, b } = connectedPair();
    for (const fill of [0, 1, 4, 255]) {
      const datagram = new Uint8Array(length).fill(0);
      if (length > 0) datagram[0] = fill;
      b.device.handleDatagram(datagram, path('b', 'x'), network.now);
    }
    expect(b.device.drops.malformed).toBe(4);
  });

  it('a hundred thousand random and mutated ones never throw, never get in, and grow nothing', () => {
    const { network, a, b } = connectedPair();
    for (let i = 0; i < 20; i++) {
      a.say(b, `message ${i}`);
      b.say(a, `message ${i}`);
    }
    network.run(100);
    const heard = b.heard().length;
    const seeds = network.log.map(({ datagram }) => datagram);
    const random = generator(20_260_101);
    const before = dropped(b);
    const from = path('b', 'attacker');
    for (let i = 0; i < 100_000; i++) {
      let datagram: Uint8Array;
      if (i % 3 === 0) {
        datagram = new Uint8Array(random(200));
        for (let at = 0; at < datagram.length; at++) datagram[at] = random(256);
        if (datagram.length > 4) datagram.set([1 + random(4), 0, 0, 0]);
      } else {
        datagram = Uint8Array.from(seeds[random(seeds.length)]!);
        for (let n = 0; n <= random(3); n++) {
          const at = random(datagram.length);
          datagram[at] = (datagram[at] ?? 0) ^ (1 + random(255));
        }
        if (i % 7 === 0) datagram = datagram.subarray(0, random(datagram.length));
      }
      b.device.handleDatagram(datagram, from, network.now);
    }
    // Each was dropped with a reason, none came through, and the session lives.
    expect(dropped(b) - before).toBe(100_000);
    expect(b.heard()).toHaveLength(heard);
    expect(b.peer(a).paths).toEqual([path('b', 'a')]);
    a.say(b, 'still here');
    network.run(50);
    expect(b.heard().at(-1)).toBe('still here');
  }, 30_000);

  it('the same holds with node:crypto', () => {
    const { network, a, b } = connectedPair({}, { aead: nodeAead() });
    const [seed] = network.log.filter(({ datagram }) => datagram[0] === 4);
    for (let at = 0; at < seed!.datagram.length; at++) {
      const datagram = Uint8Array.from(seed!.datagram);
      datagram[at] = (datagram[at] ?? 0) ^ 0x80;
      b.device.handleDatagram(datagram, path('b', 'x'), network.now);
    }
    expect(b.heard()).toEqual(['hello']);
    a.say(b, 'still here');
    network.run(50);
    expect(b.heard().at(-1)).toBe('still here');
  });

  it('inner packets of any content never throw', () => {
    const { network, a, b } = connectedPair();
    const random = generator(7);
    for (let i = 0; i < 20_000; i++) {
      const packet = new Uint8Array(random(80));
      for (let at = 0; at < packet.length; at++) packet[at] = random(256);
      if (packet.length > 19) packet.set([0x45, 0, random(2), random(90)]);
      if (packet.length > 19 && i % 2 === 0) packet.set([10, 0, 0, 98], 16);
      a.device.handlePacket(packet, network.now);
      if (i % 100 === 0) network.run(20);
    }
    network.run(20);
    expect(b.device.drops['inner-malformed'] + b.device.drops['source-not-allowed']).toBeGreaterThan(1000);
  });
});
