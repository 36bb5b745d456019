import { transportAddress, type TransportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { host, TwoEngines, type TestNode } from '../two-engines.js';

const isOverlay = ({ ip }: TransportAddress) => ip.startsWith('192.168.77.');
const reflexive = (ip: string) =>
  ({ type: 'server-reflexive', address: transportAddress(ip, 51820), priority: 1_600_000_000 }) as const;
const IN_USE = { a: '192.0.2.2:51820', b: '192.0.2.1:51820' };
const OVERLAY = { a: '192.168.77.2:51820', b: '192.168.77.1:51820' };

/** Two nodes that see each other through NATs, and an overlay that works for as long as they do. */
class Overlaid extends TwoEngines {
  constructor({ overlay = true } = {}) {
    super(5);
    // What goes there goes through the tunnel, and arrives if that has another path.
    this.blocked = (from, to) =>
      isOverlay(to) && !this.#holder(from).paths.some((path) => !path.startsWith('192.168.77.'));
    this.translate = (from, to) =>
      isOverlay(to) && !isOverlay(from)
        ? transportAddress(from.ip === '192.0.2.1' ? '192.168.77.1' : '192.168.77.2', from.port)
        : from;
    this.describeAll(overlay);
    for (const node of [this.a, this.b]) this.start(node);
  }

  describeAll(overlay: boolean, newGeneration = false): void {
    this.describe(this.a, [reflexive('192.0.2.1'), ...(overlay ? [host('192.168.77.1')] : [])], newGeneration);
    this.describe(this.b, [reflexive('192.0.2.2'), ...(overlay ? [host('192.168.77.2')] : [])], newGeneration);
  }

  /** Since the start, the paths that a node was given, each change of them. */
  pathsGiven(node: TestNode): string[][] {
    return node.effects.flatMap(({ effect }) =>
      effect.type === 'set-path' ? [effect.paths.map(({ remote }) => remote.ip)] : [],
    );
  }

  checksTo(node: TestNode, ip: string): { readonly at: number; readonly sizeBytes: number | undefined }[] {
    return node.effects.flatMap(({ at, effect }) =>
      effect.type === 'send-check' && effect.path.remote.ip === ip ? [{ at, sizeBytes: effect.sizeBytes }] : [],
    );
  }

  #holder({ ip }: TransportAddress): TestNode {
    return [this.a, this.b].find((node) => node.addresses.some((address) => address.ip === ip)) ?? this.a;
  }
}

describe('a network that rides on the tunnel', () => {
  it('would be taken for a direct path, if nothing showed', () => {
    const net = new Overlaid();
    net.run(500);
    expect(net.view(net.a).pairInUse?.remote.ip).toBe('192.168.77.2');
  });

  it.each<[string, number | 'plain']>([
    ['does not hide the checks', 'plain'],
    ['hides them', 92],
  ])('that %s is never used', (_, wrapped) => {
    const net = new Overlaid();
    net.wrapped = (_sender, to) => (isOverlay(to) ? wrapped : undefined);
    net.run(120_000);
    for (const [node, path] of [
      [net.a, IN_USE.a],
      [net.b, IN_USE.b],
    ] as const) {
      expect(node.paths).toEqual([path]);
      expect(
        net
          .pathsGiven(node)
          .flat()
          .filter((ip) => ip.startsWith('192.168.77.')),
      ).toEqual([]);
      const [rejected] = net.pairsView(node).rejections;
      expect(rejected?.reason).toMatch(/^reached through our own tunnel: /);
      expect(rejected?.loopFrom?.id).toBe('udp4');
    }
    // A few checks at first, and hardly any after that.
    expect(net.checksTo(net.a, '192.168.77.2').length).toBeLessThanOrEqual(8);
  });

  it('that hides checks is told by three of them, of sizes that differ', () => {
    const net = new Overlaid();
    net.wrapped = (_sender, to) => (isOverlay(to) ? 92 : undefined);
    net.run(1000);
    const sizes = net.checksTo(net.a, '192.168.77.2').flatMap(({ sizeBytes }) => sizeBytes ?? []);
    expect(sizes.length).toBe(3);
    expect(new Set(sizes).size).toBe(3);
  });

  it('is found on the side that sees it, and the other is answered no more, which has it fail there', () => {
    const net = new Overlaid();
    net.wrapped = (sender, to) => (sender === net.a && isOverlay(to) ? 'plain' : undefined);
    net.run(20_000);
    expect([net.a.paths[0], net.b.paths[0]]).toEqual([IN_USE.a, IN_USE.b]);
  });

  it.each<[string, number | 'plain']>([
    ['does not hide the checks', 'plain'],
    ['hides them', 92],
  ])('that takes over the way of a path in use and %s costs it at once', (_, wrapped) => {
    const net = new Overlaid({ overlay: false });
    net.describe(net.a, [host('192.0.2.1'), { ...reflexive('192.0.2.11'), type: 'server-reflexive' }]);
    net.describe(net.b, [host('192.0.2.2'), { ...reflexive('192.0.2.12'), type: 'server-reflexive' }]);
    net.run(10_000);
    expect(net.a.paths[0]).toBe(IN_USE.a);
    // From now on the host address is reached through the tunnel, which has the other one.
    const taken = (to: TransportAddress) => to.ip === '192.0.2.2';
    net.wrapped = (sender, to) => (sender === net.a && taken(to) ? wrapped : undefined);
    net.blocked = (_from, to) => taken(to) && !net.a.paths.includes('192.0.2.12:51820');
    let delivered = 0;
    for (let at = 10_000; at < 20_000; at += 20) net.at(at, () => net.sendData(net.a, () => (delivered += 1)));
    net.run(12_000);
    expect(net.a.paths[0]).toBe('192.0.2.12:51820');
    delivered = 0;
    net.run(20_000);
    expect(net.a.paths[0]).toBe('192.0.2.12:51820');
    expect(delivered).toBeGreaterThanOrEqual(390);
  });

  it('is tried again when our network has changed', () => {
    const net = new Overlaid();
    net.wrapped = (_sender, to) => (isOverlay(to) ? 'plain' : undefined);
    net.run(5000);
    net.wrapped = () => undefined;
    net.describeAll(true, true);
    net.run(10_000);
    expect([net.a.paths[0], net.b.paths[0]]).toEqual([OVERLAY.a, OVERLAY.b]);
  });
});

describe('a path in use that falls silent', () => {
  const ofAnySize = () => {
    let overhead = 50;
    return () => 40 + ((overhead += 37) % 360);
  };

  const takenOver = (overheads: () => number | undefined) => {
    const net = new Overlaid({ overlay: false });
    net.describe(net.a, [host('192.0.2.1'), reflexive('192.0.2.11')]);
    net.describe(net.b, [host('192.0.2.2'), reflexive('192.0.2.12')]);
    net.run(10_000);
    expect(net.a.paths[0]).toBe(IN_USE.a);
    net.blocked = (_from, to) => to.ip === '192.0.2.2';
    net.wrapped = (sender) => (sender === net.a ? overheads() : undefined);
    for (let at = 10_000; at < 11_000; at += 20) net.at(at, () => net.sendData(net.a, () => undefined));
    net.run(10_500);
    return net;
  };

  it('is sent nothing while what comes out of our interface may be what was sent on it, more of it each time', () => {
    const net = takenOver(ofAnySize());
    expect(net.a.paths).toEqual(['192.0.2.12:51820']);
  });

  it('shares what is sent with its fallbacks where nothing of the kind comes', () => {
    const net = takenOver(() => undefined);
    expect(net.a.paths).toEqual([IN_USE.a, '192.0.2.12:51820']);
  });

  it('is trusted again when it was no loop', () => {
    const net = takenOver(ofAnySize());
    net.blocked = () => false;
    net.wrapped = () => undefined;
    net.run(12_000);
    expect(net.a.paths).toEqual([IN_USE.a]);
    expect(net.pairsView(net.a).rejections).toEqual([]);
  });
});

describe('traffic that looks as if it were a check', () => {
  it('holds a better path back for a few round trips, and no longer', () => {
    const net = new Overlaid();
    net.blocked = () => false;
    // Something comes out of our interface meanwhile, of another size each time.
    let overhead = 50;
    net.wrapped = (_sender, to) => (isOverlay(to) ? (overhead += 1) : undefined);
    net.run(1000);
    expect([net.a.paths[0], net.b.paths[0]]).toEqual([OVERLAY.a, OVERLAY.b]);
    expect(net.pairsView(net.a).rejections).toEqual([]);
  });

  it('does not have it asked again and again', () => {
    const net = new Overlaid();
    net.blocked = () => false;
    let overhead = 50;
    net.wrapped = () => 40 + ((overhead += 1) % 360);
    net.run(1000);
    for (let at = 1000; at < 60_000; at += 100) net.at(at, () => net.sendData(net.a, () => undefined));
    net.a.effects.length = 0;
    net.run(60_000);
    const padded = net.a.effects.filter(({ effect }) => effect.type === 'send-check' && effect.sizeBytes !== undefined);
    expect(padded.length).toBeLessThanOrEqual(4);
    expect(net.a.paths).toEqual([OVERLAY.a]);
  });

  it('cannot keep a path off for good: what is not answered any more has failed', () => {
    const net = new Overlaid();
    net.blocked = () => false;
    net.wrapped = (_sender, to) => (isOverlay(to) ? 92 : undefined);
    net.run(20);
    net.blocked = (_from, to) => isOverlay(to);
    net.run(10_000);
    expect(net.a.paths[0]).toBe(IN_USE.a);
  });
});
