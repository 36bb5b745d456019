import { describe, expect, it } from 'vitest';
import type { EngineEffect } from '../../src/engine/effects.js';
import { host, TwoEngines, type TestNode } from './two-engines.js';

function started(latencyMs = 5): TwoEngines {
  const net = new TwoEngines(latencyMs);
  net.describe(net.a, [host('192.0.2.1')]);
  net.describe(net.b, [host('192.0.2.2')]);
  net.start(net.a);
  net.start(net.b);
  return net;
}

function connected(latencyMs = 5): TwoEngines {
  const net = started(latencyMs);
  net.run(2000);
  return net;
}

const sent = (node: TestNode, type: EngineEffect['type']) => node.effects.filter(({ effect }) => effect.type === type);

describe('two nodes with host candidates', () => {
  it('prove the pair both ways, set the path and handshake once', () => {
    const net = connected();
    expect(net.a.paths).toEqual(['192.0.2.2:51820']);
    expect(net.b.paths).toEqual(['192.0.2.1:51820']);
    expect([net.a.handshakes, net.b.handshakes]).toEqual([1, 1]);
    expect(net.view(net.a).pairInUse?.connection).toBe('direct');
    expect(net.view(net.b).pairInUse?.connection).toBe('direct');
  });

  it('call each other no more once they are connected', () => {
    const net = connected();
    expect(sent(net.a, 'send-message').length).toBeLessThanOrEqual(3);
    net.a.effects.length = net.b.effects.length = 0;
    net.run(200_000);
    expect([...sent(net.a, 'send-message'), ...sent(net.b, 'send-message')]).toEqual([]);
  });

  it('connect in a few round trips, whoever comes up first', () => {
    for (const first of ['a', 'b'] as const) {
      const net = new TwoEngines(10);
      const second = first === 'a' ? 'b' : 'a';
      net.describe(net[first], [host('192.0.2.1')]);
      net.start(net[first]);
      net.at(700, () => {
        net.describe(net[second], [host('192.0.2.2')]);
        net.start(net[second]);
      });
      net.run(5000);
      const done = Math.max(...[net.a, net.b].map((node) => sent(node, 'initiate-handshake')[0]?.at ?? 0));
      expect(net.a.session && net.b.session).toBe(true);
      expect(done).toBeLessThan(700 + 10 * 10);
    }
  });

  it('tell nobody a path before a check was answered', () => {
    const net = new TwoEngines(5);
    net.blocked = (_from, _to, kind) => kind === 'response';
    net.describe(net.a, [host('192.0.2.1')]);
    net.describe(net.b, [host('192.0.2.2')]);
    net.start(net.a);
    net.start(net.b);
    net.run(14_000);
    expect(sent(net.a, 'set-path')).toEqual([]);
    expect(net.view(net.a).phase).toBe('checking');
    net.run(120_000);
    expect(net.view(net.a).phase).toBe('unreachable');
    expect(sent(net.a, 'send-message').length).toBeGreaterThan(3);
    // Checks arrive and trigger checks, whose answers are lost: no storm comes of it.
    expect(sent(net.a, 'send-check').length).toBeLessThan(300);
  });
});

describe('a check that comes before the message of its sender', () => {
  it('is answered, and leaves the engine at rest', () => {
    const net = new TwoEngines(5);
    net.signaling = false;
    net.describe(net.b, [host('192.0.2.2')]);
    net.start(net.b);
    net.handle(net.b, {
      type: 'check',
      peer: net.a.key,
      path: { baseId: 'udp4', remote: host('192.0.2.1').address },
      transactionId: new Uint8Array(12),
      priority: 1,
      candidateType: 'host',
      useCandidate: false,
    });
    expect(sent(net.b, 'answer-check').length).toBe(1);
    let wakeUps = 0;
    for (let now = 0; now < 60_000; wakeUps += 1) {
      now = Math.max(now, net.b.engine.nextTimeout() ?? Infinity);
      net.b.engine.handleTimeout(now);
      if (wakeUps > 1000) break;
    }
    expect(wakeUps).toBeLessThan(50);
  });
});

describe('candidates of which one is dead', () => {
  it('are tried all at once: nobody waits for it', () => {
    const net = new TwoEngines(10);
    net.blocked = (_from, to) => to.ip.startsWith('198.51.100.');
    const dead = Array.from({ length: 8 }, (_, i) => host(`198.51.100.${i + 1}`, 51820, 2_100_000_000 - i));
    net.describe(net.a, [...dead, host('192.0.2.1')]);
    net.describe(net.b, [host('192.0.2.2')]);
    net.a.addresses = [host('192.0.2.1').address];
    net.start(net.a);
    net.start(net.b);
    net.run(300);
    expect(net.b.paths).toEqual(['192.0.2.1:51820']);
    expect(net.a.session).toBe(true);
  });
});

describe('a path that is proven', () => {
  it('has a handshake started on it at once, and a lost initiation costs a fraction of a second', () => {
    const net = new TwoEngines(5);
    let lost = 0;
    net.blocked = (_from, _to, kind) => kind === 'data' && lost++ === 0;
    net.describe(net.a, [host('192.0.2.1')]);
    net.describe(net.b, [host('192.0.2.2')]);
    net.start(net.a);
    net.start(net.b);
    net.run(500);
    expect(lost).toBeGreaterThan(1);
    expect(net.a.session).toBe(true);
  });
});

describe('a peer-reflexive candidate', () => {
  it('is made by a check from an unknown address and carries the traffic; hole-punched until it is signalled', () => {
    const net = new TwoEngines(5);
    // A's only signalled candidate is unreachable; its checks arrive from an address that a NAT chose.
    const mapped = host('203.0.113.5', 40001).address;
    net.translate = (from) => (from.ip === '10.0.0.1' ? mapped : from);
    net.blocked = (_from, to) => to.ip === '10.0.0.1';
    net.describe(net.a, [host('10.0.0.1')]);
    net.a.addresses = [host('10.0.0.1').address, mapped];
    net.describe(net.b, [host('192.0.2.2')]);
    net.start(net.a);
    net.start(net.b);
    net.run(1000);
    expect(net.b.paths).toEqual(['203.0.113.5:40001']);
    expect(net.view(net.b).pairInUse?.connection).toBe('hole-punched');
    expect(net.view(net.a).pairInUse?.connection).toBe('direct');
    const net2 = net;
    net2.handle(net2.b, {
      type: 'message',
      peer: net2.a.key,
      message: {
        ...net2.lastMessage(net2.a),
        revision: 9,
        candidates: [host('203.0.113.5', 40001)],
      },
    });
    expect(net2.view(net2.b).pairInUse?.connection).toBe('direct');
  });

  it('an answer from another address proves nothing', () => {
    const net = new TwoEngines(5);
    net.translate = (from, to) => (to.ip === '192.0.2.2' ? from : host('192.0.2.77').address);
    net.describe(net.a, [host('192.0.2.1')]);
    net.describe(net.b, [host('192.0.2.2')]);
    net.start(net.a);
    net.start(net.b);
    net.run(1000);
    expect(net.a.paths).not.toContain('192.0.2.2:51820');
  });
});

describe('an active path that goes silent', () => {
  it('is asked after 100 ms, suspect soon after, and traffic goes on a second path at once', () => {
    const net = new TwoEngines(5);
    const a2 = host('198.51.100.1', 51820, 1_000_000_000);
    net.describe(net.a, [host('192.0.2.1'), a2]);
    net.describe(net.b, [host('192.0.2.2')]);
    net.start(net.a);
    net.start(net.b);
    net.run(1000);
    expect(net.b.paths).toEqual(['192.0.2.1:51820']);
    net.blocked = (from, to) => from.ip === '192.0.2.1' || to.ip === '192.0.2.1';
    let lastMiss = 0;
    let gap = 0;
    for (let t = 1000; t < 6000; t += 10) {
      net.at(t, () => {
        const sentAt = net.now;
        let arrived = false;
        net.sendData(net.b, () => (arrived = true));
        net.at(sentAt + 50, () => {
          if (!arrived) {
            gap = sentAt - 1000;
            lastMiss = sentAt;
          }
        });
      });
    }
    net.run(7000);
    expect(lastMiss).toBeGreaterThan(0);
    expect(gap).toBeLessThan(300);
    expect(net.b.paths).toEqual(['198.51.100.1:51820']);
  });

  it('in one direction only is left at once by the side that goes on hearing: the other calls it', () => {
    const net = new TwoEngines(5);
    net.describe(net.a, [host('192.0.2.1'), host('2001:db8::1')]);
    net.describe(net.b, [host('192.0.2.2'), host('2001:db8::2')]);
    net.start(net.a);
    net.start(net.b);
    net.run(2000);
    expect(net.a.paths).toEqual(['192.0.2.2:51820']);
    net.blocked = (from) => from.ip === '192.0.2.1';
    let lastAt = 2000;
    let gap = 0;
    for (let t = 2000; t < 8000; t += 10) {
      net.at(t, () => {
        net.sendData(net.b, () => undefined);
        net.sendData(net.a, () => {
          gap = Math.max(gap, net.now - lastAt);
          lastAt = net.now;
        });
      });
    }
    net.run(8000);
    expect(lastAt).toBeGreaterThan(7900);
    expect(gap).toBeLessThan(700);
  });

  it('calls the peer, who checks all pairs too: its NAT may have forgotten the others', () => {
    const net = connected();
    net.a.effects.length = net.b.effects.length = 0;
    net.blocked = (_from, _to, kind) => kind !== 'send-check';
    for (let t = 2000; t < 2600; t += 20) net.at(t, () => net.sendData(net.a, () => undefined));
    net.run(2600);
    expect(sent(net.a, 'send-message').map(({ effect }) => effect)).toContainEqual(
      expect.objectContaining({ message: expect.objectContaining({ call: true }) as unknown }),
    );
    expect(sent(net.b, 'send-check').length).toBeGreaterThan(1);
    // An answer is no call: the two do not keep each other probing.
    expect(sent(net.b, 'send-message').length).toBeLessThan(3);
  });

  it('with no other path is kept, called lost, and comes back when the network does', () => {
    const net = connected();
    net.blocked = () => true;
    for (let t = 2000; t < 8000; t += 20) net.at(t, () => net.sendData(net.a, () => undefined));
    net.run(8000);
    expect(net.view(net.a).phase).toBe('lost');
    expect(net.a.paths).toEqual(['192.0.2.2:51820']);
    net.blocked = () => false;
    net.at(9000, () => net.sendData(net.b, () => undefined));
    net.run(20_000);
    expect(net.view(net.a).phase).toBe('connected');
    expect(net.view(net.b).phase).toBe('connected');
  });

  it('an idle path costs at most about one check per keepalive interval', () => {
    const net = connected();
    net.a.effects.length = net.b.effects.length = 0;
    net.run(2000 + 250_000);
    const checks = sent(net.a, 'send-check').length + sent(net.b, 'send-check').length;
    expect(checks).toBeLessThanOrEqual(12);
    expect(checks).toBeGreaterThanOrEqual(9);
  });
});

describe('evidence of the other end', () => {
  it('is told when asked for: what it has sent, and what has come to it', () => {
    const net = connected();
    const before = net.pairsView(net.b).pairs;
    expect(before).toMatchObject([{ inUse: true, state: 'succeeded', connection: 'direct' }]);
    net.handle(net.a, { type: 'ask-for-evidence', peer: net.b.key });
    net.run(2100);
    expect(before).toMatchObject(net.view(net.a).peerEvidence!);
    expect(net.view(net.b).peerEvidence).toBeUndefined();
  });

  it('shows on which side a check was lost', () => {
    const net = started();
    net.blocked = (from) => from.ip === '192.0.2.1';
    net.run(10_000);
    net.handle(net.a, { type: 'ask-for-evidence', peer: net.b.key });
    net.run(10_100);
    const silent = { state: 'in-progress', responses: 0 };
    expect(net.pairsView(net.a).pairs).toMatchObject([{ ...silent, checksReceived: expect.any(Number) as number }]);
    expect(net.pairsView(net.a).pairs[0]?.checksReceived).toBeGreaterThan(0);
    expect(net.view(net.a).peerEvidence).toMatchObject([{ ...silent, checksReceived: 0 }]);
  });

  it('asking starts no probing where there is nothing new', () => {
    const net = connected();
    net.blocked = () => true;
    net.run(60_000);
    const checks = () => [net.a, net.b].map((node) => sent(node, 'send-check').length);
    net.at(60_000, () => net.handle(net.a, { type: 'ask-for-evidence', peer: net.b.key }));
    const before = checks();
    net.run(60_200);
    expect(checks()).toEqual(before);
  });
});

describe('a pair with an allocation of ours', () => {
  it('asks the relay again after it was refused, or did not answer', () => {
    const net = started();
    const bases = [{ id: 'relay1', family: 4, kind: 'allocation' }] as const;
    const description = { bases, candidates: [], natBehavior: { mapping: null, filtering: null } };
    net.handle(net.a, { type: 'local-description', description, newGeneration: false });
    net.run(1000);
    const permits = () => sent(net.a, 'permit').length;
    expect(permits()).toBe(1);
    const path = { baseId: 'relay1', remote: host('192.0.2.2').address };
    net.handle(net.a, { type: 'permitted', peer: net.b.key, path, error: 'no answer' });
    net.handle(net.a, { type: 'attempt', peer: net.b.key, budgetMs: 5000 });
    net.run(1100);
    expect(permits()).toBe(2);
    net.handle(net.a, { type: 'permitted', peer: net.b.key, path, error: undefined });
    net.run(1200);
    expect(net.pairsView(net.a).pairs.find(({ base }) => base === 'allocation')?.checksSent).toBeGreaterThan(0);
    // Once is enough: the relay keeps it.
    net.handle(net.a, { type: 'attempt', peer: net.b.key, budgetMs: 5000 });
    net.run(1300);
    expect(permits()).toBe(2);
  });
});

describe('sockets that were opened for a peer', () => {
  it('are closed where the peer has been removed meanwhile', () => {
    const net = connected();
    net.handle(net.a, { type: 'peer-removed', peer: net.b.key });
    const bases = [{ id: 'udp4-1', family: 4, kind: 'socket' }] as const;
    net.handle(net.a, { type: 'bases-opened', peer: net.b.key, bases });
    expect(sent(net.a, 'close-bases').map(({ effect }) => effect)).toEqual([
      { type: 'close-bases', baseIds: ['udp4-1'] },
    ]);
  });
});

describe('a peer that sends new candidates without end', () => {
  it('has us send a bounded number of checks', () => {
    const net = connected();
    net.blocked = () => true;
    const message = net.lastMessage(net.b);
    net.a.effects.length = 0;
    const seconds = 600;
    for (let n = 1; n <= seconds; n += 1)
      net.at(2000 + n * 1000, () => {
        const candidates = Array.from({ length: 32 }, (_, i) => host(`198.51.${n % 256}.${i + 1}`));
        const revision = message.revision + n;
        net.handle(net.a, {
          type: 'message',
          peer: net.b.key,
          message: { ...message, revision, candidates, call: true },
        });
      });
    net.run(2000 + seconds * 1000);
    // The burst, and then 20 a second.
    expect(sent(net.a, 'send-check').length).toBeLessThan(3000 + 25 * seconds);
  });
});

describe('a restarted peer', () => {
  it('is picked up at once, with a new handshake', () => {
    for (const who of ['a', 'b'] as const) {
      const net = connected();
      const old = net[who];
      const fresh = net.addNode(old.key, 99);
      net.describe(fresh, [host(who === 'a' ? '192.0.2.1' : '192.0.2.2')]);
      net.start(fresh);
      net.run(2300);
      expect(fresh.session).toBe(true);
      expect(fresh.paths.length).toBe(1);
      expect(net.other(fresh).handshakes).toBe(2);
    }
  });
});

describe('a change of network', () => {
  it('starts a new generation: the path is re-proven without losing the session', () => {
    const net = connected();
    net.describe(net.a, [host('198.51.100.1')], true);
    net.run(3000);
    expect(net.b.paths).toEqual(['198.51.100.1:51820']);
    expect([net.a.handshakes, net.b.handshakes]).toEqual([1, 1]);
    expect(net.lastMessage(net.a).generation).toBe(1);
  });
});
