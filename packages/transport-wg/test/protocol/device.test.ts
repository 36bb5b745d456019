import { afterEach, describe, expect, it, vi } from 'vitest';
import { REJECT_AFTER_MESSAGES, REKEY_AFTER_TIME_MS } from '../../src/protocol/constants.js';
import { Keypair } from '../../src/protocol/keypair.js';
import { formatKey, generatePrivateKey, publicKeyOf } from '../../src/protocol/keys.js';
import { TRANSPORT_MIN_BYTES } from '../../src/protocol/messages.js';
import { paddedLength } from '../../src/protocol/peer.js';
import { connectedPair, innerIp, ipv4Packet, pair, path } from './link.js';

describe('cryptokey routing', () => {
  it('a packet to nobody is not sent', () => {
    const { network, a } = pair();
    expect(a.device.handlePacket(ipv4Packet('10.0.0.97', '10.9.9.9', new Uint8Array(4)), network.now)).toBe('no-route');
    expect(network.log).toEqual([]);
    expect(a.device.drops['no-route']).toBe(1);
  });

  it.each([
    { name: 'empty', packet: new Uint8Array(0) },
    { name: 'cut short', packet: Uint8Array.of(0x45, 0, 0, 20) },
    { name: 'of version 5', packet: new Uint8Array(40).fill(0x55) },
    { name: 'IPv6 without a whole header', packet: new Uint8Array(39).fill(0x60) },
  ])('what is no IP packet is not sent: $name', ({ packet }) => {
    const { network, a } = pair();
    expect(a.device.handlePacket(packet, network.now)).toBe('malformed');
  });

  it('a source that is not the peer\u2019s is not delivered', () => {
    const { network, a, b } = connectedPair();
    const forged = ipv4Packet('10.66.66.66', innerIp(b), Buffer.from('forged'));
    expect(a.device.handlePacket(forged, network.now)).toBe('sent');
    network.run(50);
    expect(b.heard()).toEqual(['hello']);
    expect(b.device.drops['source-not-allowed']).toBe(1);
  });

  it('nor is plaintext that is no IP packet, or claims to be longer than it is', () => {
    const { network, a, b } = connectedPair();
    const lying = ipv4Packet(innerIp(a), innerIp(b), new Uint8Array(20));
    lying[2] = 4;
    expect(a.device.handlePacket(lying, network.now)).toBe('sent');
    network.run(50);
    expect(b.heard()).toEqual(['hello']);
    expect(b.device.drops['inner-malformed']).toBe(1);
  });

  it('IPv6 is routed and checked alike', () => {
    const { network, a, b } = pair();
    a.device.updatePeer(b.device.publicKey, { allowedIps: ['fd00::b/128'] }, network.now);
    b.device.updatePeer(a.device.publicKey, { allowedIps: ['fd00::/64'] }, network.now);
    const packet = new Uint8Array(41);
    packet[0] = 0x60;
    packet[5] = 1;
    packet.set([0xfd], 8);
    packet[23] = 0xa;
    packet.set([0xfd], 24);
    packet[39] = 0xb;
    packet[40] = 42;
    a.device.handlePacket(packet, network.now);
    network.run(50);
    expect(b.delivered.map(({ packet: got }) => got)).toEqual([packet]);
  });
});

describe('padding', () => {
  it.each([
    [0, 0],
    [1, 16],
    [16, 16],
    [17, 32],
    [1408, 1408],
    [1409, 1420],
    [1420, 1420],
    [1500, 1500],
  ])('a packet of %i bytes is sealed as %i under an MTU of 1420', (length, padded) => {
    expect(paddedLength(length, 1420)).toBe(padded);
  });

  it('is taken off again', () => {
    const { network, a, b } = connectedPair();
    a.say(b, 'seventeen bytes..');
    network.run(50);
    expect(b.heard().at(-1)).toBe('seventeen bytes..');
    expect((network.log.at(-1)!.datagram.length - TRANSPORT_MIN_BYTES) % 16).toBe(0);
  });
});

describe('peers', () => {
  it('are named by their key and report what they did', () => {
    const { network, a, b } = connectedPair({ persistentKeepaliveSeconds: 25 });
    const peer = a.peer(b);
    expect(peer).toMatchObject({
      publicKey: b.device.publicKey,
      allowedIps: ['10.0.0.98/32'],
      hasPresharedKey: false,
      roaming: true,
      persistentKeepaliveSeconds: 25,
      paths: [path('a', 'b')],
      handshakePending: false,
      lastHandshakeUnixMs: network.wallOffsetMs + a.handshakes[0]!.now,
    });
    const bytes = (from: string) =>
      network.log.filter((entry) => entry.from === from).reduce((sum, { datagram }) => sum + datagram.length, 0);
    expect([peer.txBytes, peer.rxBytes]).toEqual([bytes('a'), bytes('b')]);
    expect([...a.device.peers()].map(({ publicKey }) => publicKey)).toEqual([b.device.publicKey]);
  });

  it('removed ones are forgotten: routes, sessions, timers', () => {
    const { network, a, b } = connectedPair({ persistentKeepaliveSeconds: 25 });
    expect(a.device.removePeer(b.device.publicKey)).toBe(true);
    expect(a.device.removePeer(b.device.publicKey)).toBe(false);
    expect(a.say(b, 'x')).toBe('no-route');
    expect(a.device.nextTimeout()).toBeUndefined();
    b.say(a, 'x');
    network.run(50);
    expect(a.delivered).toEqual([]);
    expect(a.device.drops['unknown-receiver']).toBe(1);
  });

  it('a prefix moves to the peer that takes it', () => {
    const { network, a, b } = pair();
    const c = network.node('c');
    a.add(c, { allowedIps: ['10.0.0.98/32', '10.0.0.99/32'] });
    expect(a.peer(b).allowedIps).toEqual([]);
    a.device.updatePeer(b.device.publicKey, { allowedIps: ['10.0.0.98'] }, network.now);
    expect(a.peer(c).allowedIps).toEqual(['10.0.0.99/32']);
  });

  it('what cannot be is refused, and changes nothing', () => {
    const { network, a, b } = pair();
    const other = formatKey(publicKeyOf(generatePrivateKey()));
    const base = { allowedIps: [], roaming: true };
    for (const config of [
      { ...base, publicKey: 'short' },
      { ...base, publicKey: a.device.publicKey },
      { ...base, publicKey: b.device.publicKey },
      { ...base, publicKey: formatKey(new Uint8Array(32)) },
      { ...base, publicKey: other, allowedIps: ['10.0.0.98/32', '10.0.0.0/33'] },
      { ...base, publicKey: other, presharedKey: new Uint8Array(31) },
    ]) {
      expect(() => a.device.addPeer(config, network.now)).toThrow(RangeError);
    }
    expect([...a.device.peers()]).toHaveLength(1);
    expect(a.peer(b).allowedIps).toEqual(['10.0.0.98/32']);
    expect(() => a.device.updatePeer(b.device.publicKey, { allowedIps: ['nonsense'] }, network.now)).toThrow(
      RangeError,
    );
    expect(a.peer(b).allowedIps).toEqual(['10.0.0.98/32']);
    expect(a.device.updatePeer(other, {}, network.now)).toBe(false);
  });

  it('more than HANDSHAKE_INITIATION_RATE of one peer is a flood', () => {
    const { network, a, b } = pair();
    // Sent 50 ms apart, arriving 10 ms apart.
    network.policy = (datagram) => (datagram[0] === 1 ? [network.now < 1_050 ? 50 : 10] : [10]);
    a.device.initiateHandshake(b.device.publicKey, network.now);
    network.run(50);
    a.device.initiateHandshake(b.device.publicKey, network.now, { force: true });
    network.run(100);
    expect(b.device.drops['initiation-flood']).toBe(1);
    expect(a.handshakes).toHaveLength(1);
  });

  it('an initiation of a stranger is not answered', () => {
    const { network, a } = pair();
    const c = network.node('c');
    c.add(a);
    c.say(a, 'let me in');
    network.run(50);
    expect(c.handshakes).toEqual([]);
    expect(a.device.drops['unknown-peer']).toBe(1);
  });
});

describe('setPrivateKey', () => {
  it('changes who we are and ends every session', () => {
    const { network, a, b } = connectedPair();
    const privateKey = generatePrivateKey();
    const before = a.device.publicKey;
    a.device.setPrivateKey(privateKey);
    expect(a.device.publicKey).toBe(formatKey(publicKeyOf(privateKey)));
    expect(a.peer(b).sessionState(network.now)).toBe('none');
    expect(b.device.removePeer(before)).toBe(true);
    b.add(a);
    network.run(6_000);
    a.say(b, 'new me');
    network.run(50);
    expect(b.heard().at(-1)).toBe('new me');
  });

  it('removes the peer that we have become', () => {
    const { a } = pair();
    const privateKey = generatePrivateKey();
    a.device.addPeer({ publicKey: formatKey(publicKeyOf(privateKey)), allowedIps: [], roaming: true }, 0);
    a.device.setPrivateKey(privateKey);
    expect([...a.device.peers()]).toHaveLength(1);
  });
});

describe('message counters', () => {
  it('a replayed or reordered message is delivered once', () => {
    const { network, a, b } = connectedPair();
    network.policy = () => [10 + (network.log.length % 7), 40];
    for (let i = 0; i < 100; i++) a.say(b, `${i}`);
    network.run(100);
    const numbers = b.heard().slice(1).map(Number);
    expect([...numbers].sort((x, y) => x - y)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(b.device.drops.replay).toBe(100);
  });
});

describe('message counts', () => {
  afterEach(() => vi.restoreAllMocks());

  /** From now on every session jumps to this counter after each message. */
  function jumpTo(counter: bigint): void {
    vi.spyOn(Keypair.prototype, 'advanceSendCounter').mockImplementation(function (this: Keypair) {
      this.sendCounterHigh = Number(counter >> 32n);
      this.sendCounterLow = Number(counter & 0xffff_ffffn);
    });
  }

  it('after REKEY_AFTER_MESSAGES a new session is made, by the responder too', () => {
    const { network, a, b } = connectedPair();
    network.run(10_000);
    jumpTo(2n ** 60n - 1n);
    b.say(a, 'x');
    network.run(50);
    expect(b.peer(a).counters.initiationsSent).toBe(0);
    jumpTo(2n ** 60n);
    b.say(a, 'y');
    network.run(50);
    expect(a.heard()).toEqual(['x', 'y']);
    expect(b.peer(a).counters.initiationsSent).toBe(1);
  });

  it('at REJECT_AFTER_MESSAGES nothing is sent on the session any more', () => {
    const { network, a, b } = connectedPair();
    network.run(10_000);
    jumpTo(REJECT_AFTER_MESSAGES - 1n);
    expect(a.say(b, 'x')).toBe('sent');
    network.policy = () => [];
    expect(a.say(b, 'last')).toBe('sent');
    jumpTo(REJECT_AFTER_MESSAGES);
    expect(a.say(b, 'very last')).toBe('sent');
    expect(a.peer(b).sessionState(network.now)).toBe('stale');
    expect(a.say(b, 'too many')).toBe('queued');
  });

  it('nor received, from a peer that goes on', () => {
    const { network, a, b } = connectedPair();
    vi.spyOn(Keypair.prototype, 'isExhausted').mockReturnValue(false);
    jumpTo(REJECT_AFTER_MESSAGES - 1n);
    for (const text of ['first', 'the last that is allowed']) a.say(b, text);
    jumpTo(REJECT_AFTER_MESSAGES);
    for (const text of ['again', 'too many']) a.say(b, text);
    network.run(50);
    // `again` bears the last allowed counter a second time.
    expect(b.heard()).toEqual(['hello', 'first', 'the last that is allowed']);
    expect(b.device.drops).toMatchObject({ replay: 1, 'expired-session': 1 });
  });
});

describe('a sink that calls the device again', () => {
  const events = ['send', 'deliver', 'onHandshake', 'onAuthenticated', 'onSent'] as const;
  const cases = events.flatMap((event) => (['a', 'b', 'both'] as const).map((starts) => ({ event, starts })));
  it.each(cases)(
    'may remove the peer from inside $event when $starts started: nothing is left',
    ({ event, starts }) => {
      const { network, a, b } = pair();
      b.interrupt = (name) => name === event && b.device.removePeer(a.device.publicKey);
      for (let i = 0; i < 3; i++) {
        if (starts !== 'b' || i > 0) a.say(b, 'x');
        if (starts !== 'a' || i > 0) b.say(a, 'y');
        network.run(100);
      }
      expect([...b.device.peers()]).toEqual([]);
      expect(b.device.nextTimeout()).toBeUndefined();
    },
  );

  it('a removed peer asks for no new session', () => {
    const { network, a, b } = connectedPair();
    network.run(REKEY_AFTER_TIME_MS);
    a.interrupt = (name) => name === 'onSent' && a.device.removePeer(b.device.publicKey);
    const since = network.log.length;
    expect(a.say(b, 'last')).toBe('sent');
    expect(network.log.slice(since).map(({ datagram }) => datagram[0])).toEqual([4]);
  });
});
