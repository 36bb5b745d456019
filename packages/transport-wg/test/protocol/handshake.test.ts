import { describe, expect, it } from 'vitest';
import { nodeAead } from '../../src/protocol/aead.js';
import { connectedPair, pair } from './link.js';

describe('handshake and data', () => {
  it('a packet starts a handshake and arrives with it', () => {
    const { network, a, b } = pair();
    expect(a.say(b, 'hello')).toBe('queued');
    network.run(100);
    expect(b.heard()).toEqual(['hello']);
    expect(a.handshakes.map(({ role, rttMs }) => [role, rttMs])).toEqual([['initiator', 20]]);
    expect(b.handshakes.map(({ role }) => role)).toEqual(['responder']);
    // Initiation, response, data: nothing else.
    expect(network.log.map(({ datagram }) => datagram[0])).toEqual([1, 2, 4]);
  });

  it('data flows both ways in the order sent', () => {
    const { network, a, b } = connectedPair();
    for (let i = 0; i < 50; i++) {
      expect(a.say(b, `a${i}`)).toBe('sent');
      expect(b.say(a, `b${i}`)).toBe('sent');
    }
    network.run(100);
    expect(b.heard()).toEqual(['hello', ...Array.from({ length: 50 }, (_, i) => `a${i}`)]);
    expect(a.heard()).toEqual(Array.from({ length: 50 }, (_, i) => `b${i}`));
  });

  it('without a packet, the initiator confirms the session with a keepalive', () => {
    const { network, a, b } = pair();
    a.device.initiateHandshake(b.device.publicKey, network.now);
    network.run(100);
    expect(b.handshakes).toHaveLength(1);
    expect(b.authenticated.map(({ kind }) => kind)).toEqual(['handshake', 'keepalive']);
    expect(b.say(a, 'first')).toBe('sent');
  });

  it('works with node:crypto on one side and the fastest AEAD on the other', () => {
    const { network, a, b } = pair({}, { aead: nodeAead() });
    const c = network.node('c');
    c.add(a);
    a.add(c);
    c.say(a, 'hello');
    network.run(100);
    expect(a.heard()).toEqual(['hello']);
    a.say(b, 'hello');
    network.run(100);
    expect(b.heard()).toEqual(['hello']);
  });
});

describe('preshared keys', () => {
  const psk = (fill: number) => ({ presharedKey: new Uint8Array(32).fill(fill) });

  it.each([
    { mine: psk(7), theirs: psk(7), connects: true },
    { mine: psk(7), theirs: psk(8), connects: false },
    { mine: psk(7), theirs: {}, connects: false },
    { mine: {}, theirs: psk(0), connects: true },
  ])('$mine and $theirs: connects is $connects', ({ mine, theirs, connects }) => {
    const { network, a, b } = pair();
    a.device.updatePeer(b.device.publicKey, mine, network.now);
    b.device.updatePeer(a.device.publicKey, theirs, network.now);
    a.say(b, 'hello');
    network.run(100);
    expect(b.heard()).toEqual(connects ? ['hello'] : []);
    expect(a.device.drops.decrypt).toBe(connects ? 0 : 1);
  });
});
