import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { publicKeyText } from '../src/protocol/public-key.js';
import { testIdentity } from './support.js';
import { VirtualNetwork } from './virtual-network.js';

function started(limits = {}): VirtualNetwork {
  const network = new VirtualNetwork(limits);
  network.startServer();
  return network;
}

describe('client and server in virtual time', () => {
  it('is up in three one-way trips after the connection: welcome, register, registered', () => {
    const network = started();
    const a = network.client().start();
    expect(a.state).toBe('connecting');
    network.run(39);
    expect(a.state).toBe('connecting');
    network.run(1);
    expect(a.state).toBe('up');
  });

  it('sends what waits with the registration, not a round trip later', () => {
    const network = started();
    const b = network.client().start();
    network.run(100);
    const a = network.client().start();
    a.publish(b.publicKey, 'hello');
    network.run(40);
    expect(b.received).toEqual([{ from: a.publicKey, text: 'hello' }]);
  });

  it('retries at once at first, then every 7.5 to 15 s, for as long as it takes', () => {
    const network = new VirtualNetwork();
    const a = network.client().start();
    network.run(1000);
    expect(a.dials).toBeGreaterThanOrEqual(3);
    network.run(60_000);
    const dials = a.dials;
    network.run(150_000);
    expect(a.dials - dials).toBeGreaterThanOrEqual(10);
    expect(a.dials - dials).toBeLessThanOrEqual(20);
    expect(a).toMatchObject({ state: 'down', error: 'connection refused' });
    network.startServer();
    network.run(15_100);
    expect(a).toMatchObject({ state: 'up', error: undefined });
  });

  it('re-registers by itself when the server was killed and runs again', () => {
    const network = started();
    const [a, b] = [network.client().start(), network.client().start()];
    network.run(60_000);
    network.killServer();
    expect(a.state).toBe('connecting');
    network.startServer();
    network.run(300);
    expect([a.state, b.state]).toEqual(['up', 'up']);
    a.publish(b.publicKey, 'again');
    network.run(20);
    expect(b.received.map(({ text }) => text)).toEqual(['again']);
  });

  it('picks up a restarted node at once; the old connection gets nothing more', () => {
    const network = started();
    const identity = testIdentity(network.random);
    const sender = network.client().start();
    const old = network.client(identity).start();
    network.run(1000);
    old.die();
    const restarted = network.client(identity).start();
    network.run(40);
    expect(restarted.state).toBe('up');
    sender.publish(identity.publicKey, 'hello');
    network.run(20);
    expect(restarted.received).toHaveLength(1);
    expect(old.received).toHaveLength(0);
    // What the server still finds out about the old connection does not touch the new one.
    network.run(60_000);
    expect(restarted).toMatchObject({ state: 'up', dials: 1 });
    expect(network.server?.status()).toMatchObject({ clients: 2, unproven: 0 });
  });

  it('two live nodes with one key do not flap: each loss is waited out for 30 s and more', () => {
    const network = started();
    const identity = testIdentity(network.random);
    const first = network.client(identity).start();
    network.run(100);
    const second = network.client(identity).start();
    network.run(1000);
    expect(second.state).toBe('up');
    expect(first).toMatchObject({ state: 'down', error: 'replaced', dials: 1 });
    network.run(28_000);
    expect(first.dials).toBe(1);
    first.nudge();
    network.run(100);
    expect(first.dials).toBe(1);
    network.run(3_600_000);
    const registrations = network.server?.status().registrations ?? 0;
    expect(registrations).toBeGreaterThan(4);
    expect(registrations).toBeLessThan(20);
  });

  it('finds a silent connection dead within about 20 s, both sides', () => {
    const network = started();
    const a = network.client().start();
    network.run(5000);
    a.goSilent();
    network.run(21_000);
    expect(a.dials).toBe(2);
    expect(a.state).toBe('up');
    const b = network.client().start();
    network.run(1000);
    b.die();
    network.run(24_000);
    expect(network.server?.status()).toMatchObject({ clients: 1, closed: { silent: 1 } });
  });

  it('keeps an idle connection for a day', () => {
    const network = started();
    const a = network.client().start();
    network.run(86_400_000);
    expect(a).toMatchObject({ state: 'up', dials: 1 });
    expect(network.server?.status().registrations).toBe(1);
  });

  describe('nudge', () => {
    it('dials at once when waiting, but not hotly', () => {
      const network = new VirtualNetwork();
      const a = network.client().start();
      network.run(60_000);
      const dials = a.dials;
      for (let i = 0; i < 100; i++) {
        a.nudge();
        network.run(10);
      }
      expect(a.dials - dials).toBeGreaterThanOrEqual(3);
      expect(a.dials - dials).toBeLessThanOrEqual(5);
    });

    it('finds a dead connection within 3 s when up', () => {
      const network = started();
      const a = network.client().start();
      network.run(5000);
      a.goSilent();
      a.nudge();
      network.run(2900);
      expect(a.dials).toBe(1);
      network.run(500);
      expect(a).toMatchObject({ dials: 2, state: 'up' });
    });

    it('leaves a living connection alone', () => {
      const network = started();
      const a = network.client().start();
      network.run(5000);
      for (let i = 0; i < 10; i++) {
        a.nudge();
        network.run(1000);
      }
      expect(a).toMatchObject({ dials: 1, state: 'up' });
    });

    it('gives up soon on an attempt that hangs', () => {
      const network = started();
      const a = network.client().start();
      a.goSilent();
      network.run(100);
      a.nudge();
      network.run(2400);
      expect(a).toMatchObject({ dials: 2, state: 'up' });
    });
  });

  it('does not send faster than the server permits: 150 messages arrive, none is dropped', () => {
    const rate = { messagesPerSecond: 100, messageBurst: 50, bytesPerSecond: 100_000, byteBurst: 50_000 };
    const network = started({ rate });
    const a = network.client().start();
    const peers = Array.from({ length: 150 }, () => network.client().start());
    network.run(1000);
    for (const peer of peers) a.publish(peer.publicKey, 'hello');
    network.run(100);
    expect(peers.filter(({ received }) => received.length > 0).length).toBeLessThan(70);
    network.run(3000);
    expect(peers.filter(({ received }) => received.length > 0)).toHaveLength(150);
    expect(network.server?.status().dropped).toEqual({});
  });

  it('calls 5,000 peers at once within the default limits', () => {
    const network = started();
    const a = network.client().start();
    network.run(100);
    for (let i = 0; i < 5000; i++) a.publish(publicKeyText(network.random.bytes(32)), 'x'.repeat(1000));
    network.run(50);
    expect(a.undeliverable).toHaveLength(5000);
    expect(network.server?.status().dropped).toEqual({ undeliverable: 5000 });
  });

  it('refused for its URL, it says so', () => {
    const network = started();
    const a = network.client(undefined, 'ws://203.0.113.99:7000/').start();
    network.run(100);
    expect(a).toMatchObject({ state: 'down', error: 'foreignUrl' });
    expect(network.server?.status()).toMatchObject({ clients: 0, registrations: 0 });
  });

  it('whatever happens, all who live are up in the end, reach each other, and nothing is left over', () => {
    const step = fc.tuple(
      fc.constantFrom('publish', 'silent', 'kill', 'revive', 'reset', 'nudge', 'restart'),
      fc.nat({ max: 2 }),
      fc.nat({ max: 20_000 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const network = started();
        const clients = Array.from({ length: 3 }, () => network.client().start());
        for (const [what, which, afterMs] of steps) {
          const client = clients[which]!;
          const other = clients[(which + 1) % 3]!;
          if (what === 'publish') client.publish(other.publicKey, 'x');
          else if (what === 'silent') client.goSilent();
          else if (what === 'kill') network.killServer();
          else if (what === 'revive' && !network.server) network.startServer();
          else if (what === 'reset') client.reset('reset');
          else if (what === 'nudge') client.nudge();
          else if (what === 'restart') {
            client.die();
            clients[which] = network.client(client.identity).start();
          }
          network.run(afterMs);
        }
        if (!network.server) network.startServer();
        network.run(45_000);
        expect(clients.map(({ state, error }) => ({ state, error }))).toEqual(
          clients.map(() => ({ state: 'up', error: undefined })),
        );
        for (const client of clients) client.received.length = 0;
        for (const client of clients) for (const other of clients) client.publish(other.publicKey, 'final');
        network.run(50);
        for (const client of clients) expect(client.received).toHaveLength(3);
        expect(network.server?.status()).toMatchObject({ clients: 3, unproven: 0, queuedBytes: 0 });
      }),
      { numRuns: 40 },
    );
  });
});
