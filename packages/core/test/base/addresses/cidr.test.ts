import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, networkOf, parseCidr } from '../../../src/base/addresses/cidr.js';

describe('parseCidr', () => {
  it.each([
    ['10.77.0.1/24', '10.77.0.1', '10.77.0.0/24', true],
    ['10.77.0.0/24', '10.77.0.0', '10.77.0.0/24', false],
    ['192.0.2.1', '192.0.2.1', '192.0.2.1/32', false],
    ['0.0.0.0/0', '0.0.0.0', '0.0.0.0/0', false],
    ['255.255.255.255/1', '255.255.255.255', '128.0.0.0/1', true],
    ['2001:DB8:0:0::1/64', '2001:db8::1', '2001:db8::/64', true],
    ['::/0', '::', '::/0', false],
    ['2001:db8::ff/121', '2001:db8::ff', '2001:db8::80/121', true],
    ['fe80::1', 'fe80::1', 'fe80::1/128', false],
    ['fe80::1:0:0:1', 'fe80::1:0:0:1', 'fe80::1:0:0:1/128', false],
    ['255.255.255.255/31', '255.255.255.255', '255.255.255.254/31', true],
    ['1:2:3:4:5:6:7:8/127', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8/127', false],
    ['64:ff9b::192.0.2.1/96', '64:ff9b::c000:201', '64:ff9b::/96', true],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3', '1:0:0:2::3/128', false],
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4', '1::2:3:0:0:4/128', false],
  ])('%s', (text, ip, network, hasHostBits) => {
    expect(parseCidr(text)).toMatchObject({ ip, network, hasHostBits });
  });

  it.each([
    '',
    '/24',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '010.0.0.1/8',
  ])('not %j', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });
  it.each(['1', '2001:db8::/129', 'fe80::1%eth0/64', '::ffff:10.0.0.1/120', ' 10.0.0.0/8', '10.0.0.0/8 ', 'host/8'])(
    'not %j',
    (text) => {
      expect(parseCidr(text)).toBeUndefined();
    },
  );

  it('takes IPv4-mapped IPv6 as IPv6 only where asked to', () => {
    expect(parseCidr('::ffff:192.0.2.1')).toBeUndefined();
    expect(parseCidr('::ffff:192.0.2.1', { mapped: true })).toMatchObject({
      family: 6,
      network: '::ffff:c000:201/128',
    });
  });

  it('has the canonical text that browsers have', () => {
    const group = fc.constantFrom(0, 0, 0, 1, 0xff, 0xabcd);
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const text = groups.map((value) => value.toString(16)).join(':');
        const cidr = parseCidr(text, { mapped: true });
        expect(`[${cidr?.ip}]`).toBe(new URL(`http://[${text}]`).hostname);
        expect(Buffer.from(cidr!.bytes).toString('hex')).toBe(
          groups.map((value) => value.toString(16).padStart(4, '0')).join(''),
        );
      }),
    );
  });

  it('never throws, and a network is its own network', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(140)).map(([ip, prefix]) => `${ip}/${prefix}`),
    );
    fc.assert(
      fc.property(anything, (text) => {
        const cidr = parseCidr(text);
        if (cidr === undefined) return;
        expect(parseCidr(cidr.network)).toMatchObject({ network: cidr.network, hasHostBits: false });
        expect(isIPv6(cidr.ip)).toBe(cidr.family === 6);
      }),
    );
  });
});

describe('a network lies in another where its network of that length is the other', () => {
  it.each([
    ['10.0.0.0/8', '10.1.0.0/16', true],
    ['10.1.0.0/16', '10.0.0.0/8', false],
    ['10.0.0.0/8', '11.0.0.0/16', false],
    ['0.0.0.0/0', '203.0.113.1/32', true],
    ['0.0.0.0/0', '2001:db8::/32', false],
    ['2001:db8::/32', '2001:db8:1::/48', true],
  ])('%s contains %s: %s', (outer, inner, expected) => {
    const [around, within] = [parseCidr(outer)!, parseCidr(inner)!];
    const isShorter = around.family === within.family && around.prefix <= within.prefix;
    expect(isShorter && networkOf(within, around.prefix) === around.network).toBe(expected);
  });
});

describe('a network contains', () => {
  it.each([
    ['0.0.0.0/0', '203.0.113.1', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
  ])('%s, %s: %s', (network, ip, contained) => {
    expect(cidrContains(parseCidr(network)!, parseCidr(ip)!.bytes)).toBe(contained);
  });

  it('the addresses whose leading bits are its own', () => {
    const bits = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const four = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(four, four, fc.nat(32), (a, b, prefix) => {
        const cidr = parseCidr(`${a.join('.')}/${prefix}`)!;
        expect(cidrContains(cidr, b)).toBe(bits(a).slice(0, prefix) === bits(b).slice(0, prefix));
      }),
    );
  });
});
