import { describe, expect, it } from 'vitest';
import { host, TwoEngines } from '../two-engines.js';

describe('hostile or foolish candidates', () => {
  it('one that leads through our own interface is refused, and said so', () => {
    const net = new TwoEngines(5);
    net.handle(net.b, { type: 'own-network', contains: (address) => address.ip.startsWith('10.77.') });
    net.describe(net.a, [host('192.0.2.1'), host('10.77.0.1')]);
    net.describe(net.b, [host('192.0.2.2')]);
    net.start(net.a);
    net.start(net.b);
    net.run(1000);
    expect(net.pairsView(net.b).rejections.map(({ reason }) => reason)).toEqual([
      'reached through our own interface: a loop',
    ]);
    expect(net.b.paths).toEqual(['192.0.2.1:51820']);
  });

  it('more than the allowed number make no more pairs, but each tier and family keeps one', () => {
    const net = new TwoEngines(5);
    const many = Array.from({ length: 30 }, (_, i) => host(`198.51.100.${i + 1}`, 51820, 2_000_000_000 - i));
    const reflexive = { type: 'server-reflexive', address: host('203.0.113.1').address, priority: 5 } as const;
    net.describe(net.b, [host('192.0.2.2')]);
    net.describe(net.a, [...many, reflexive]);
    net.start(net.b);
    net.start(net.a);
    net.run(100);
    const { pairs } = net.pairsView(net.b);
    expect(pairs.filter((pair) => pair.connection === 'direct').length).toBe(10);
    expect(pairs.filter((pair) => pair.connection === 'hole-punched').length).toBe(1);
  });

  it('checks are paced at 5 ms or more', () => {
    const net = new TwoEngines(50);
    net.blocked = () => true;
    const many = Array.from({ length: 9 }, (_, i) => host(`198.51.100.${i + 1}`));
    net.describe(net.b, [host('192.0.2.2')]);
    net.describe(net.a, many);
    net.start(net.b);
    net.start(net.a);
    net.run(3000);
    const times = net.b.effects.filter(({ effect }) => effect.type === 'send-check').map(({ at }) => at);
    expect(times.length).toBeGreaterThan(40);
    for (let i = 1; i < times.length; i += 1) expect(times[i]! - times[i - 1]!).toBeGreaterThanOrEqual(5);
  });
});
