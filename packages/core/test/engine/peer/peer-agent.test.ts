import { describe, expect, it } from 'vitest';
import type { EngineEffect } from '../../../src/engine/effects.js';
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
