import { describe, expect, it } from 'vitest';
import type { EngineEffect } from '../../../src/engine/effects.js';
import type { CallMessage } from '../../../src/engine/messages.js';
import { host, TwoEngines, type TestNode } from '../two-engines.js';

type EffectOf<T extends EngineEffect['type']> = Extract<EngineEffect, { type: T }>;

/** What a node wanted done, and when. */
function wanted<T extends EngineEffect['type']>(node: TestNode, type: T): (EffectOf<T> & { readonly at: number })[] {
  return node.effects.flatMap(({ at, effect }) => (effect.type === type ? [{ at, ...(effect as EffectOf<T>) }] : []));
}

/** B has the greater key: it controls. */
function connected(ips: { readonly a?: readonly string[]; readonly b?: readonly string[] } = {}): TwoEngines {
  const net = new TwoEngines(5);
  net.describe(
    net.a,
    (ips.a ?? ['192.0.2.1']).map((ip, i) => host(ip, 51820, 2_000_000_000 - i)),
  );
  net.describe(
    net.b,
    (ips.b ?? ['192.0.2.2']).map((ip, i) => host(ip, 51820, 2_000_000_000 - i)),
  );
  net.start(net.a);
  net.start(net.b);
  net.run(2000);
  return net;
}

/** A sends every 20 ms from now on, and until then. */
function sending(net: TwoEngines, untilMs: number): void {
  for (let at = net.now; at < untilMs; at += 20) net.at(at, () => net.sendData(net.a, () => undefined));
}

describe('a path that goes silent', () => {
  it('has STUN asked once whether our mapping has changed', () => {
    const net = connected();
    net.blocked = () => true;
    sending(net, 4000);
    net.run(4000);
    expect(wanted(net.a, 'check-mapping')).toHaveLength(1);
  });

  it('has failed when it is given up, and stays in use where there is no other', () => {
    const net = connected();
    net.blocked = () => true;
    sending(net, 8000);
    net.run(5000);
    expect(net.pairsView(net.a).pairs).toMatchObject([{ state: 'succeeded', inUse: true }]);
    net.run(8000);
    expect(net.view(net.a).phase).toBe('lost');
    expect(net.pairsView(net.a).pairs).toMatchObject([{ refusal: 'went silent', inUse: true }]);
  });
});

describe('the side that controls', () => {
  it('marks its choice at once', () => {
    const net = connected();
    const [given] = wanted(net.b, 'set-path');
    expect(wanted(net.b, 'send-check').filter(({ at, useCandidate }) => useCandidate && at === given?.at)).toHaveLength(
      1,
    );
    expect(wanted(net.a, 'send-check').some(({ useCandidate }) => useCandidate)).toBe(false);
  });
});

describe('a peer whose network has changed', () => {
  it('is looked for no more where it was heard before without having said so', () => {
    const net = new TwoEngines(5);
    const mapped = host('203.0.113.5', 40_001).address;
    net.translate = (from) => (from.ip === '10.0.0.1' ? mapped : from);
    net.describe(net.a, [host('10.0.0.1')]);
    net.a.addresses = [host('10.0.0.1').address, mapped];
    net.describe(net.b, [host('192.0.2.2')]);
    net.start(net.a);
    net.start(net.b);
    net.run(1000);
    const known = () => net.pairsView(net.b).remoteCandidates.map(({ address }) => address.ip);
    expect(known()).toEqual(['10.0.0.1', '203.0.113.5']);
    net.describe(net.a, [host('198.51.100.1')], true);
    net.run(2000);
    expect(known()).toEqual(['198.51.100.1']);
  });
});

describe('what a connected peer says', () => {
  /** A hears a message of B, which is as the last one but for this. @returns what A does within so long, and its phase at once. */
  function heard(change: (last: CallMessage) => Partial<CallMessage>, withinMs = 50) {
    const net = connected();
    // B's own answers would be news too.
    net.signaling = false;
    const last = { ...net.lastMessage(net.b), call: false, seen: net.a.engine.localId };
    net.a.effects.length = 0;
    net.handle(net.a, { type: 'message', peer: net.b.key, message: { ...last, ...change(last) } });
    const { phase } = net.view(net.a);
    net.run(net.now + withinMs);
    const count = (type: EngineEffect['type']) => wanted(net.a, type).length;
    const messages = wanted(net.a, 'send-message').map(({ message }) => (message.call ? 'call' : 'answer'));
    return { phase, checks: count('send-check'), handshakes: count('initiate-handshake'), messages, net };
  }

  it.each<[string, (last: CallMessage) => Partial<CallMessage>, object]>([
    ['the same again: nothing', () => ({}), { phase: 'connected', checks: 0, handshakes: 0, messages: [] }],
    [
      'that it wants checks: all, also of what is proven',
      () => ({ call: true }),
      { phase: 'connected', checks: 1, handshakes: 0, messages: [] },
    ],
    [
      'that it has not heard from us: an answer',
      () => ({ seen: null }),
      { phase: 'connected', checks: 0, handshakes: 0, messages: ['answer'] },
    ],
    [
      'that it has heard an older description of ours: an answer',
      (last) => ({ seen: { ...last, revision: -1 } }),
      { phase: 'connected', checks: 0, handshakes: 0, messages: ['answer'] },
    ],
    [
      'something new that makes nothing better: nothing',
      (last) => ({ revision: last.revision + 1 }),
      { phase: 'connected', checks: 0, handshakes: 0, messages: [] },
    ],
    [
      'that its network is another: the path is suspect until it answers',
      (last) => ({ generation: last.generation + 1 }),
      { phase: 'suspect', checks: 1, handshakes: 0, messages: [] },
    ],
    [
      'that it was restarted: the path is to be proven anew, and a session to be made',
      () => ({ runId: 'another' }),
      { phase: 'suspect', checks: 1, messages: [] },
    ],
  ])('%s', (_what, change, expected) => {
    expect(heard(change)).toMatchObject(expected);
  });

  it.each([
    ['that it calls: what comes in proves nothing from then on, until a check of ours is answered', true, 'suspect'],
    ['nothing of the kind: what comes in proves the path', false, 'connected'],
  ])('%s', (_what, call, phase) => {
    const net = connected();
    net.blocked = (from) => from.ip === '192.0.2.1';
    net.signaling = false;
    const message = { ...net.lastMessage(net.b), call };
    net.handle(net.a, { type: 'message', peer: net.b.key, message });
    const path = { baseId: 'udp4', remote: host('192.0.2.2').address };
    for (let at = net.now; at < net.now + 1000; at += 20)
      net.at(at, () => net.handle(net.a, { type: 'authenticated', peer: net.b.key, path }));
    sending(net, net.now + 1000);
    net.run(net.now + 1000);
    expect(net.view(net.a).phase).toBe(phase);
  });

  it('anything at all: it is there', () => {
    const net = connected();
    net.handle(net.a, { type: 'peer-undeliverable', peer: net.b.key });
    expect(net.view(net.a).undeliverable).toBe(true);
    net.handle(net.a, { type: 'message', peer: net.b.key, message: net.lastMessage(net.b) });
    expect(net.view(net.a).undeliverable).toBe(false);
  });

  it('what it has seen of the pairs, and asks for what we have', () => {
    const evidence = [{ ...connected().pairsView(connected().a).pairs[0]! }];
    const { net } = heard(() => ({ evidence, asksForEvidence: true }));
    expect(net.view(net.a).peerEvidence).toEqual(evidence);
    expect(net.lastMessage(net.a).evidence).toMatchObject([{ inUse: true, state: 'succeeded' }]);
    expect(wanted(net.a, 'changed').length).toBeGreaterThan(0);
  });
});

describe('checks of the peer', () => {
  it('keep the path in use alive: none of ours is needed beside them', () => {
    const net = connected();
    net.a.effects.length = 0;
    const path = { baseId: 'udp4', remote: host('192.0.2.2').address };
    const check = {
      type: 'check',
      peer: net.b.key,
      path,
      priority: 1,
      candidateType: 'host',
      useCandidate: false,
    } as const;
    const kept = net.now + 100_000;
    // B's own do not come, nor what it says of that.
    net.signaling = false;
    net.blocked = (from, _to, kind) => from.ip === '192.0.2.2' && kind === 'send-check';
    for (let at = net.now; at < kept; at += 10_000)
      net.at(at, () => net.handle(net.a, { ...check, transactionId: new Uint8Array(12).fill(at % 251) }));
    net.run(kept);
    expect(wanted(net.a, 'send-check')).toEqual([]);
    net.run(kept + 60_000);
    expect(wanted(net.a, 'send-check').length).toBeGreaterThan(0);
  });

  it('are nobody’s mark where we control', () => {
    const net = connected({ a: ['192.0.2.1', '192.0.2.3'] });
    const inUse = () => net.view(net.b).pairInUse?.remote.ip;
    const before = inUse();
    const other = before === '192.0.2.1' ? '192.0.2.3' : '192.0.2.1';
    const path = { baseId: 'udp4', remote: host(other).address };
    const rest = { priority: 1, candidateType: 'host', transactionId: new Uint8Array(12) } as const;
    net.handle(net.b, { type: 'check', peer: net.a.key, path, useCandidate: true, ...rest });
    net.run(net.now + 1000);
    expect(inUse()).toBe(before);
  });
});
