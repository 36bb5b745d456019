import { describe, expect, it } from 'vitest';
import { connectedPair, pair, path, type Network, type Node } from './link.js';

/** `node` moves to a new address: what it sends comes from there, and the old one is gone. */
function move(network: Network, node: Node, other: Node, address: string): void {
  node.addresses.clear();
  node.addresses.add(address);
  node.device.setPaths(other.device.publicKey, [path(address, other.name)], network.now);
}

describe('roaming: true', () => {
  it('an authenticated data message from another path becomes the path', () => {
    const { network, a, b } = connectedPair();
    move(network, a, b, 'elsewhere');
    a.say(b, 'moved');
    network.run(50);
    expect(b.peer(a).paths).toEqual([path('b', 'elsewhere')]);
    b.say(a, 'found you');
    network.run(50);
    expect(a.heard()).toEqual(['found you']);
  });

  it('so does an initiation', () => {
    const { network, a, b } = connectedPair();
    move(network, a, b, 'elsewhere');
    a.device.initiateHandshake(b.device.publicKey, network.now, { force: true });
    network.run(50);
    expect(a.handshakes).toHaveLength(2);
    expect(b.peer(a).paths).toEqual([path('b', 'elsewhere')]);
  });

  it('a replayed message from another path does not', () => {
    const { network, a, b } = connectedPair();
    a.say(b, 'x');
    network.run(50);
    for (const { datagram } of network.log) {
      b.device.handleDatagram(Uint8Array.from(datagram), path('b', 'attacker'), network.now);
    }
    expect(b.peer(a).paths).toEqual([path('b', 'a')]);
    expect(b.device.drops.replay).toBe(2);
    expect(b.device.drops['stale-timestamp']).toBe(1);
  });

  it('a peer without a path gets one from its first valid message', () => {
    const { network, a, b } = connectedPair();
    const c = network.node('c');
    c.add(a);
    a.add(c, { paths: [] });
    c.say(a, 'hello');
    network.run(50);
    expect(a.peer(c).paths).toEqual([path('a', 'c')]);
    expect(a.say(c, 'hello back')).toBe('sent');
    void b;
  });
});

describe('roaming: false', () => {
  it('never switches: an authenticated message from elsewhere is only reported', () => {
    const { network, a, b } = connectedPair({ roaming: false });
    move(network, a, b, 'elsewhere');
    a.say(b, 'moved');
    a.device.initiateHandshake(b.device.publicKey, network.now, { force: true });
    network.run(50);
    expect(b.heard()).toEqual(['hello', 'moved']);
    expect(b.peer(a).paths).toEqual([path('b', 'a')]);
    expect(b.authenticated.slice(-2).map(({ from, kind }) => [from.remote, kind])).toEqual([
      ['elsewhere', 'data'],
      ['elsewhere', 'handshake'],
    ]);
  });

  it('without a path, a valid initiation is answered where it came from, and nothing else goes there', () => {
    const { network, a, b } = connectedPair({ roaming: false });
    b.device.setPaths(a.device.publicKey, [], network.now);
    a.device.initiateHandshake(b.device.publicKey, network.now, { force: true });
    network.run(50);
    expect(a.handshakes).toHaveLength(2);
    expect(b.peer(a).paths).toEqual([]);
    expect(b.say(a, 'waits')).toBe('queued');
    expect(b.pathsWanted).toBe(1);
    network.run(100);
    expect(a.heard()).toEqual([]);
    // As soon as there is a path, what waited goes out on the session that stands.
    b.device.setPaths(a.device.publicKey, [path('b', 'a')], network.now);
    network.run(50);
    expect(a.heard()).toEqual(['waits']);
    expect(b.handshakes.at(-1)?.role).toBe('responder');
  });
});

describe('no path', () => {
  it.each([
    { session: false, waitedMs: 60_000, sent: [1] },
    { session: true, waitedMs: 60_000, sent: [4] },
    { session: false, waitedMs: 110_000, sent: [] },
    { session: true, waitedMs: 110_000, sent: [] },
  ])('a packet waits for one: session $session, after $waitedMs ms it sends $sent', ({ session, waitedMs, sent }) => {
    const { network, a, b } = session ? connectedPair({ roaming: false }) : pair({ roaming: false });
    network.run(1_000);
    a.device.setPaths(b.device.publicKey, [], network.now);
    expect(a.say(b, 'waits')).toBe('queued');
    expect(a.pathsWanted).toBe(1);
    const since = network.log.length;
    network.run(waitedMs);
    // It keeps asking, at the pace of a retransmission.
    expect(a.pathsWanted).toBeGreaterThan(10);
    expect(a.pathsWanted).toBeLessThan(21);
    a.device.setPaths(b.device.publicKey, [path('a', 'b')], network.now);
    const types = network.log.slice(since).flatMap(({ from, datagram }) => (from === 'a' ? [datagram[0]] : []));
    expect(types).toEqual(sent);
    network.run(50);
    expect(b.heard().includes('waits')).toBe(sent.length > 0);
    expect(a.peer(b).counters.stagedDropped).toBe(sent.length > 0 ? 0 : 1);
    network.run(30_000);
    expect(a.peer(b).handshakePending).toBe(false);
  });

  it('a keepalive waits for one without a timer, and the handshake goes out with the path', () => {
    const { network, a, b } = pair({ roaming: false, paths: [], persistentKeepaliveSeconds: 25 });
    expect(a.pathsWanted).toBe(1);
    expect(a.device.nextTimeout()).toBeUndefined();
    network.run(600_000);
    const since = network.log.length;
    b.device.setPaths(a.device.publicKey, [path('b', 'a')], network.now);
    a.device.setPaths(b.device.publicKey, [path('a', 'b')], network.now);
    const types = network.log.slice(since).map(({ from, datagram }) => [from, datagram[0]]);
    expect(types).toEqual([
      ['b', 1],
      ['a', 1],
    ]);
    network.run(100);
    expect(a.peer(b).sessionState(network.now)).toBe('alive');
    const keepalives = a.peer(b).counters.keepalivesSent;
    network.run(100_000);
    expect(a.peer(b).counters.keepalivesSent).toBeGreaterThanOrEqual(keepalives + 3);
  });

  it('a packet that was too long without one does not end the wish for a keepalive', () => {
    const { network, a, b } = pair({ roaming: false, paths: [], persistentKeepaliveSeconds: 25 });
    a.say(b, 'waits');
    network.run(200_000);
    expect(a.peer(b).counters.stagedDropped).toBe(1);
    a.device.setPaths(b.device.publicKey, [path('a', 'b')], network.now);
    expect(network.log.map(({ datagram }) => datagram[0])).toEqual([1]);
  });

  it('a session outlives the time without one: the keepalive that was due goes out with the next', () => {
    const { network, a, b } = connectedPair({ roaming: false, persistentKeepaliveSeconds: 25 });
    b.device.updatePeer(a.device.publicKey, { persistentKeepaliveSeconds: 0 }, network.now);
    a.device.setPaths(b.device.publicKey, [], network.now);
    network.run(60_000);
    const since = network.log.length;
    a.device.setPaths(b.device.publicKey, [path('a', 'b')], network.now);
    expect(network.log.slice(since).map(({ from, datagram }) => [from, datagram.length])).toEqual([['a', 32]]);
    a.device.setPaths(b.device.publicKey, [path('a', 'b')], network.now);
    expect(network.log).toHaveLength(since + 1);
  });

  it('a keepalive that is turned off is not wanted any more', () => {
    const { network, a, b } = pair({ roaming: false, paths: [], persistentKeepaliveSeconds: 25 });
    a.device.updatePeer(b.device.publicKey, { persistentKeepaliveSeconds: 0 }, network.now);
    a.device.setPaths(b.device.publicKey, [path('a', 'b')], network.now);
    network.run(30_000);
    expect(network.log).toEqual([]);
  });

  it('what waits goes out when a path comes after the peer has made a session', () => {
    const { network, a, b } = pair({ roaming: false });
    b.device.setPaths(a.device.publicKey, [], network.now);
    expect(b.say(a, 'waits')).toBe('queued');
    a.device.initiateHandshake(b.device.publicKey, network.now);
    network.run(100);
    b.device.setPaths(a.device.publicKey, [path('b', 'a')], network.now);
    network.run(50);
    expect(a.heard()).toEqual(['waits']);
    expect(b.peer(a).counters.initiationsSent).toBe(0);
  });
});

describe('several paths', () => {
  it('carry the same ciphertext; the peer delivers it once, and only the first copy counts', () => {
    const { network, a, b } = connectedPair({ roaming: false });
    b.addresses.add('b2');
    a.device.setPaths(b.device.publicKey, [path('a', 'b'), path('a2', 'b2')], network.now);
    const since = network.log.length;
    const { txBytes } = a.peer(b);
    a.say(b, 'twice');
    network.run(50);
    const [first, second] = network.log.slice(since);
    expect(second?.datagram).toEqual(first?.datagram);
    expect([first?.path, second?.path]).toEqual([path('a', 'b'), path('a2', 'b2')]);
    expect(b.heard()).toEqual(['hello', 'twice']);
    expect(b.device.drops.replay).toBe(1);
    expect(b.authenticated.filter(({ kind }) => kind === 'data')).toHaveLength(2);
    expect(a.peer(b).txBytes - txBytes).toBe(2 * first!.datagram.length);
  });

  it('carry handshakes too: the copies change nothing', () => {
    const { network, a, b } = connectedPair({ roaming: false });
    b.addresses.add('b2');
    a.addresses.add('a2');
    a.device.setPaths(b.device.publicKey, [path('a', 'b'), path('a2', 'b2')], network.now);
    b.device.setPaths(a.device.publicKey, [path('b', 'a'), path('b2', 'a2')], network.now);
    a.device.initiateHandshake(b.device.publicKey, network.now, { force: true });
    network.run(50);
    expect([a.handshakes.length, b.handshakes.length]).toEqual([2, 2]);
    a.say(b, 'ping');
    b.say(a, 'pong');
    network.run(50);
    expect([a.heard(), b.heard()]).toEqual([['pong'], ['hello', 'ping']]);
  });

  it('one of them is enough', () => {
    const { network, a, b } = connectedPair({ roaming: false });
    a.device.setPaths(b.device.publicKey, [path('a', 'nowhere'), path('a', 'b')], network.now);
    a.say(b, 'through');
    network.run(50);
    expect(b.heard()).toEqual(['hello', 'through']);
  });

  it('a change takes effect on the next packet and drops none', () => {
    const { network, a, b } = connectedPair({ roaming: false });
    b.addresses.add('b2');
    for (let i = 0; i < 100; i++) {
      a.device.setPaths(b.device.publicKey, [path('a', i % 2 === 0 ? 'b' : 'b2')], network.now);
      expect(a.say(b, `${i}`)).toBe('sent');
      network.run(1);
    }
    network.run(50);
    expect(b.heard().slice(1)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`));
  });
});
