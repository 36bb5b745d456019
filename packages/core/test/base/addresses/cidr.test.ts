import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { networkOf, parseCidr } from '../../../src/base/addresses/cidr.js';

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
