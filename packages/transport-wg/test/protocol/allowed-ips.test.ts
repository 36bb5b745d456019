import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cidr } from '@wirepath/core/plugin';
import { AllowedIps, parseAllowedIp } from '../../src/protocol/allowed-ips.js';

const prefix = (text: string): Cidr => parseAllowedIp(text)!;

/** The same by definition: a list, searched from end to end. */
class NaiveAllowedIps {
  #entries: { prefix: Cidr; peer: string }[] = [];

  insert(added: Cidr, peer: string): void {
    this.#entries = this.#entries.filter((entry) => !same(entry.prefix, added));
    this.#entries.push({ prefix: added, peer });
  }

  remove(removed: Cidr, peer: string): void {
    this.#entries = this.#entries.filter((entry) => !(same(entry.prefix, removed) && entry.peer === peer));
  }

  removePeer(peer: string): void {
    this.#entries = this.#entries.filter((entry) => entry.peer !== peer);
  }

  of(peer: string): string[] {
    return this.#entries.filter((entry) => entry.peer === peer).map((entry) => entry.prefix.network);
  }

  lookup(address: Uint8Array): string | undefined {
    const holding = this.#entries.filter((entry) => holds(entry.prefix, address));
    return holding.sort((x, y) => y.prefix.prefix - x.prefix.prefix)[0]?.peer;
  }
}

const same = (x: Cidr, y: Cidr) => x.prefix === y.prefix && Buffer.compare(x.bytes, y.bytes) === 0;

function holds(one: Cidr, address: Uint8Array): boolean {
  if (one.bytes.length !== address.length) return false;
  const bits = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return bits(address).startsWith(bits(one.bytes).slice(0, one.prefix));
}

// Few distinct bytes, so that prefixes nest, touch and collide.
const byte = fc.constantFrom(0, 1, 0x7f, 0x80, 0xff);
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).chain(() => fc.array(byte, { minLength: 4, maxLength: 4 })),
  fc.array(byte, { minLength: 16, maxLength: 16 }),
);
const anyPrefix = address.chain((bytes) =>
  fc.integer({ min: 0, max: bytes.length * 8 }).map((length) => {
    const text = bytes.length === 4 ? bytes.join('.') : Buffer.from(bytes).toString('hex').match(/.{4}/g)!.join(':');
    return prefix(`${text}/${length}`);
  }),
);
const peer = fc.constantFrom('a', 'b', 'c');
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('insert' as const), prefix: anyPrefix, peer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), prefix: anyPrefix, peer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('removePeer' as const), prefix: anyPrefix, peer }) },
);

describe('allowed IPs', () => {
  it('agree with a naive list on every history', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.array(address, { minLength: 20, maxLength: 40 }),
        (steps, asked) => {
          const allowed = new AllowedIps<string>();
          const naive = new NaiveAllowedIps();
          for (const { kind, prefix: one, peer: who } of steps) {
            if (kind === 'removePeer') {
              allowed.removePeer(who);
              naive.removePeer(who);
            } else {
              allowed[kind](one, who);
              naive[kind](one, who);
            }
          }
          for (const who of ['a', 'b', 'c']) expect(allowed.of(who).sort()).toEqual(naive.of(who).sort());
          const targets = [
            ...asked.map((bytes) => Uint8Array.from(bytes)),
            ...steps.map(({ prefix: { bytes } }) => bytes),
          ];
          for (const bytes of targets) {
            const found = bytes.length === 4 ? allowed.lookup4(bytes, 0) : allowed.lookup6(bytes, 0);
            expect(found).toBe(naive.lookup(bytes));
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('hold ten thousand prefixes', () => {
    const allowed = new AllowedIps<number>();
    for (let i = 0; i < 10_000; i++) allowed.insert(prefix(`10.${i >> 8}.${i & 255}.0/24`), i);
    for (let i = 0; i < 10_000; i++) expect(allowed.lookup4(Uint8Array.of(10, i >> 8, i & 255, 9), 0)).toBe(i);
  });
});

describe('IP prefixes', () => {
  it.each([
    ['10.77.0.1/24', '10.77.0.0/24'],
    ['10.77.0.1', '10.77.0.1/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['255.255.255.255/31', '255.255.255.254/31'],
    ['2001:DB8::1/32', '2001:db8::/32'],
    ['::/0', '::/0'],
    ['::1', '::1/128'],
    ['::ffff:192.0.2.1', '::ffff:c000:201/128'],
    ['1:2:3:4:5:6:7:8/127', '1:2:3:4:5:6:7:8/127'],
    ['fe80::1:0:0:1', 'fe80::1:0:0:1/128'],
  ])('%s is %s', (text, canonical) => {
    expect(prefix(text).network).toBe(canonical);
  });

  it.each([
    '',
    '/',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/24/',
    '010.0.0.1/8',
    '1',
    '::/129',
    'fe80::1%eth0',
    'x/8',
    '10.0.0.0/ 8',
  ])('%j is none', (text) => {
    expect(parseAllowedIp(text)).toBeUndefined();
  });
});

describe('what is routed at all', () => {
  it('is told as it changes, and not where a range passes from one peer to another', () => {
    const told: string[] = [];
    const table = new AllowedIps<string>((cidr, isRouted) => told.push(`${isRouted ? '+' : '-'}${cidr}`));
    const take = () => told.splice(0);
    table.insert(prefix('10.0.0.0/24'), 'a');
    table.insert(prefix('10.0.0.0/24'), 'a');
    table.insert(prefix('10.0.1.0/24'), 'a');
    expect(take()).toEqual(['+10.0.0.0/24', '+10.0.1.0/24']);
    table.insert(prefix('10.0.1.0/24'), 'b');
    expect(take()).toEqual([]);
    table.replace('a', [prefix('10.0.0.0/24'), prefix('10.0.2.0/24')]);
    expect(take()).toEqual(['+10.0.2.0/24']);
    table.replace('a', [prefix('10.0.2.0/24')]);
    expect(take()).toEqual(['-10.0.0.0/24']);
    table.removePeer('a');
    table.removePeer('a');
    expect(take()).toEqual(['-10.0.2.0/24']);
    expect(table.of('b')).toEqual(['10.0.1.0/24']);
  });

  it('a list replaced is the list, whatever others had of it', () => {
    const table = new AllowedIps<string>();
    table.replace('a', [prefix('10.0.0.1/32'), prefix('10.0.0.2/32')]);
    table.replace('b', [prefix('10.0.0.2/32'), prefix('10.0.0.3/32')]);
    table.replace('a', [prefix('10.0.0.3/32')]);
    expect([table.of('a'), table.of('b')]).toEqual([['10.0.0.3/32'], ['10.0.0.2/32']]);
  });
});
