import { describe, expect, it } from 'vitest';
import type { Peer } from '../../../src/contracts/peer-discovery.js';
import { PeerBook } from '../../../src/shell/peers/peer-book.js';

const peer = (key: string, more: Partial<Peer> = {}): Peer => ({
  name: `n${key}`,
  publicKey: key,
  allowedIps: [`10.0.0.${key}/32`],
  keepaliveSeconds: 25,
  ...more,
});

class World {
  readonly held = new Map<string, Peer>();
  readonly calls: string[] = [];
  readonly refused: string[] = [];
  readonly settled: string[] = [];
  readonly unusable = new Set<string>();
  readonly book = new PeerBook({
    first: 'rc file',
    sink: {
      set: (one) => {
        if (this.unusable.has(one.name)) throw new Error('no room');
        this.calls.push(`set ${one.name}`);
        this.held.set(one.publicKey, one);
      },
      remove: (key) => {
        this.calls.push(`remove ${key}`);
        this.held.delete(key);
      },
    },
    onRefused: (owner, { publicKey }, why) => this.refused.push(`${owner}: ${publicKey}: ${why}`),
    onSettled: (owner, { publicKey }) => this.settled.push(`${owner}: ${publicKey}`),
  });
  set = (owner: string, one: Peer) => this.book.take(owner, { kind: 'set', peer: one });
  remove = (owner: string, publicKey: string) => this.book.take(owner, { kind: 'remove', publicKey });
  names = () => [...this.held.values()].map(({ name }) => name);
}

describe('one discovery and another', () => {
  it.each<[string, Peer, string]>([
    ['key', peer('1', { name: 'other', allowedIps: [] }), 'x: 1: y has a peer with this key'],
    ['name', peer('2', { name: 'n1' }), 'x: 2: y has a peer with this name'],
    ['network', peer('2', { allowedIps: ['10.0.0.9/32', '10.0.0.1/32'] }), 'x: 2: 10.0.0.1/32 belongs to n1 of y'],
  ])('the %s belongs to whom came first; the other waits until it is free', (_, late, why) => {
    const world = new World();
    world.set('y', peer('1'));
    world.set('x', late);
    expect(world.names()).toEqual(['n1']);
    expect(world.refused).toEqual([why]);
    world.remove('y', '1');
    expect(world.names()).toEqual([late.name]);
    expect(world.settled.at(-1)).toBe(`x: ${late.publicKey}`);
  });

  it('cannot remove what is another’s, nor what nobody named', () => {
    const world = new World();
    world.set('y', peer('1'));
    world.remove('x', '1');
    world.remove('x', '7');
    expect(world.names()).toEqual(['n1']);
    expect(world.refused).toEqual([
      "x: 1: it is y's, which alone can remove it",
      'x: 7: there is no such peer to remove',
    ]);
  });

  it('takes back a claim that waits', () => {
    const world = new World();
    world.set('y', peer('1'));
    world.set('x', peer('1', { name: 'other' }));
    world.remove('x', '1');
    world.remove('y', '1');
    expect(world.names()).toEqual([]);
    expect(world.refused).toHaveLength(1);
  });

  it('a change that takes another’s network takes the peer back until that is free', () => {
    const world = new World();
    world.set('y', peer('1'));
    world.set('x', peer('2'));
    world.set('x', peer('2', { allowedIps: ['10.0.0.1/32'] }));
    expect(world.names()).toEqual(['n1']);
    world.set('y', peer('1', { allowedIps: [] }));
    expect(world.names()).toEqual(['n1', 'n2']);
  });
});

describe('the rc file goes before all others', () => {
  it('with the same key: the peer keeps its session, and the discovery’s words come back when the rc file’s are gone', () => {
    const world = new World();
    world.set('x', peer('1', { name: 'theirs' }));
    world.set('rc file', peer('1', { name: 'ours' }));
    expect(world.names()).toEqual(['ours']);
    expect(world.calls).toEqual(['set theirs', 'set ours']);
    expect(world.refused).toEqual(["x: 1: its key, name or network is now ours's of rc file"]);
    world.remove('rc file', '1');
    expect(world.names()).toEqual(['theirs']);
  });

  it('with a name and networks of several others, which all give way', () => {
    const world = new World();
    world.set('x', peer('1'));
    world.set('x', peer('2'));
    world.set('y', peer('3', { name: 'db' }));
    world.set('rc file', peer('4', { name: 'db', allowedIps: ['10.0.0.1/32', '10.0.0.2/32'] }));
    expect(world.names()).toEqual(['db']);
    expect(world.held.get('4')).toBeDefined();
    world.remove('rc file', '4');
    expect(new Set(world.names())).toEqual(new Set(['n1', 'n2', 'db']));
  });
});

describe('within one discovery', () => {
  it('a network moves to the peer that names it last, and the first one’s end does not take it along', () => {
    const world = new World();
    world.set('x', peer('1'));
    world.set('x', peer('2', { allowedIps: ['10.0.0.1/32'] }));
    world.remove('x', '1');
    world.set('y', peer('3', { allowedIps: ['10.0.0.1/32'] }));
    expect(world.names()).toEqual(['n2']);
    expect(world.refused).toEqual(['y: 3: 10.0.0.1/32 belongs to n2 of x']);
  });

  it('the same words again are no change', () => {
    const world = new World();
    world.set('x', peer('1'));
    world.set('x', peer('1'));
    expect(world.calls).toEqual(['set n1']);
  });

  it('a peer that the transport does not take is told, and is nobody’s', () => {
    const world = new World();
    world.unusable.add('n1');
    world.set('x', peer('1'));
    expect(world.refused).toEqual(['x: 1: it cannot be taken: no room']);
    world.set('y', peer('1', { name: 'other' }));
    expect(world.names()).toEqual(['other']);
  });
});
