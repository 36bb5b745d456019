import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairShares, sourceLevels } from '../../../src/plugin.js';

describe('source levels', () => {
  it.each<[unknown, readonly string[]]>([
    ['192.0.2.7', ['192.0/16', '192.0.2/24', '192.0.2.7']],
    ['::ffff:192.0.2.7', ['192.0/16', '192.0.2/24', '192.0.2.7']],
    ['127.0.0.5', ['127.0/16', '127.0.0/24', '127.0.0.5']],
    ['2001:DB8::1', ['20010db8/32', '20010db80000/48', '20010db8000000/56', '20010db800000000/64', '2001:db8::1']],
    [
      '2001:db8:1:2ab:3::',
      ['20010db8/32', '20010db80001/48', '20010db8000102/56', '20010db8000102ab/64', '2001:db8:1:2ab:3::'],
    ],
    ['fe80::1%br_lan', ['fe80::/64%br_lan', 'fe80::1%br_lan']],
    ['fe80::1%', ['no address']],
    ['fe80::1', ['fe80::/64', 'fe80::1']],
    [undefined, ['no address']],
    ['', ['no address']],
    ['localhost', ['no address']],
  ])('of %s', (ip, levels) => {
    expect(sourceLevels(ip)).toEqual(levels);
  });

  it('are told of any text, and of what is none', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.anything()), (ip) => sourceLevels(ip).length > 0));
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (zone) => {
        expect(sourceLevels(`fe80::1%${zone}`)[0]).toBe(`fe80::/64%${zone}`);
      }),
    );
  });
});

/** A bounded place, as a server keeps one. */
class Place {
  readonly shares = new FairShares<number>();
  readonly levelsOf = new Map<number, readonly string[]>();
  #next = 0;

  constructor(readonly max: number) {}

  /** @returns whether it was let in. */
  enter(levels: readonly string[]): boolean {
    if (this.shares.size >= this.max) {
      const yielding = this.shares.yieldingTo(levels);
      if (yielding === undefined) return false;
      this.leave(yielding);
    }
    const member = this.#next++;
    this.levelsOf.set(member, levels);
    this.shares.add(member, levels);
    return true;
  }

  leave(member: number): void {
    this.shares.delete(member);
    this.levelsOf.delete(member);
  }

  count(depth: number, levels: readonly string[]): number {
    const key = levels.slice(0, depth + 1).join();
    return [...this.levelsOf.values()].filter((each) => each.slice(0, depth + 1).join() === key).length;
  }
}

describe('fair shares', () => {
  it('five addresses that fill the place keep nobody else out', () => {
    const place = new Place(20_000);
    for (let i = 0; i < 20_000; i++) expect(place.enter(sourceLevels(`203.0.113.${1 + (i % 5)}`))).toBe(true);
    for (let i = 0; i < 1000; i++) expect(place.enter(sourceLevels(`198.51.${i >> 8}.${i & 255}`))).toBe(true);
    // They cannot come back at the cost of those.
    for (let i = 0; i < 20_000; i++) place.enter(sourceLevels(`203.0.113.${1 + (i % 5)}`));
    expect(place.shares.size).toBe(20_000);
    expect(place.count(0, sourceLevels('198.51.0.0'))).toBe(1000);
  });

  it('who holds a /48 with 65,536 networks in it counts as one', () => {
    const place = new Place(1000);
    for (let i = 0; i < 1000; i++) place.enter(sourceLevels(`2001:db8:5:${i.toString(16)}::1`));
    for (let i = 0; i < 400; i++) expect(place.enter(sourceLevels(`2001:db8:6:1::${(i + 1).toString(16)}`))).toBe(true);
    for (let i = 0; i < 5000; i++) place.enter(sourceLevels(`2001:db8:5:${i.toString(16)}::1`));
    expect(place.count(1, sourceLevels('2001:db8:6::'))).toBe(400);
  });

  it('the newest of the largest yields, so that who was there before the flood stays', () => {
    const shares = new FairShares<string>();
    shares.add('long there', ['a']);
    for (let i = 0; i < 3; i++) shares.add(`flood ${i}`, ['a']);
    shares.add('other', ['b']);
    expect(shares.yieldingTo(['c'])).toBe('flood 2');
    expect(shares.yieldingTo(['b'])).toBe('flood 2');
    expect(shares.yieldingTo(['a'])).toBeUndefined();
    expect(shares.oldestOfLargest()).toBe('long there');
  });

  it('equals do not push each other out', () => {
    const shares = new FairShares<string>();
    for (const name of ['a', 'b']) for (let i = 0; i < 2; i++) shares.add(`${name}${i}`, [name]);
    expect(shares.yieldingTo(['a'])).toBeUndefined();
    shares.delete('b1');
    // One more for `b` would only turn them round.
    expect(shares.yieldingTo(['b'])).toBeUndefined();
    expect(shares.yieldingTo(['c'])).toBe('a1');
  });

  const block = fc.constantFrom('a', 'b', 'c');
  const levels = fc.tuple(block, block, block);
  const step = fc.oneof(
    { weight: 3, arbitrary: levels.map((at) => ({ enter: at })) },
    { weight: 1, arbitrary: fc.nat().map((nth) => ({ leave: nth })) },
  );

  it('whoever comes in vain has as much as anybody beside it, at every level, whatever came before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 120 }), (max, steps) => {
        const place = new Place(max);
        for (const each of steps) {
          if ('leave' in each) {
            const members = [...place.levelsOf.keys()];
            const member = members[each.leave % Math.max(1, members.length)];
            if (member !== undefined) place.leave(member);
            continue;
          }
          const others = [...place.levelsOf.values()];
          const before = each.enter.map((_, depth) => place.count(depth, each.enter));
          const entered = place.enter(each.enter);
          expect(place.shares.size).toBe(place.levelsOf.size);
          expect(place.shares.size).toBeLessThanOrEqual(max);
          if (entered) continue;
          each.enter.forEach((_, depth) => {
            const beside = others.filter((other) => other.slice(0, depth).join() === each.enter.slice(0, depth).join());
            for (const other of beside) expect(place.count(depth, other)).toBeLessThanOrEqual((before[depth] ?? 0) + 1);
          });
        }
      }),
    );
  });

  it('is empty when all have left, and finds the largest as counting does', () => {
    fc.assert(
      fc.property(fc.array(levels, { maxLength: 60 }), fc.nat(), (members, seed) => {
        const shares = new FairShares<number>();
        members.forEach((at, i) => shares.add(i, at));
        const left = new Map(members.map((at, i) => [i, at] as const));
        while (left.size > 0) {
          const victim = shares.oldestOfLargest() ?? -1;
          const counts = new Map<string, number>();
          for (const [top] of left.values()) counts.set(top, (counts.get(top) ?? 0) + 1);
          expect(counts.get(left.get(victim)?.[0] ?? '')).toBe(Math.max(...counts.values()));
          const keys = [...left.keys()];
          const gone = seed % 2 === 0 ? victim : (keys[seed % keys.length] ?? -1);
          expect(shares.delete(gone)).toBe(true);
          left.delete(gone);
        }
        expect([shares.size, shares.oldestOfLargest(), shares.yieldingTo(['a', 'a', 'a'])]).toEqual([
          0,
          undefined,
          undefined,
        ]);
      }),
    );
  });
});
