import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import {
  embeddedAddresses,
  isLoopback,
  scopeOf,
  type AddressScope,
} from '../../../src/base/addresses/address-scope.js';

const SCOPES: Readonly<Record<AddressScope, readonly string[]>> = {
  nobody: [
    '0.0.0.0',
    '0.1.2.3',
    '224.0.0.251',
    '239.1.1.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    'ff02::1',
    'ff0e::1',
  ],
  loopback: ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1'],
  'link-local': ['169.254.1.1', 'fe80::1', 'febf::1', 'fec0::1', 'fe80::1%eth0'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.1', '192.168.1.1', '100.64.0.1', 'fc00::1', 'fd12::1'],
  global: [
    '192.0.2.1',
    '198.51.100.1',
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '223.255.255.1',
    '2001:db8::1',
    '2a00::1',
  ],
};

/** Forms in which an IPv6 address leads to an IPv4 one. */
const wrap = (a: number, b: number, c: number, d: number): Record<string, string> => {
  const hex = (high: number, low: number) => ((high << 8) | low).toString(16);
  return {
    'IPv4-mapped': `::ffff:${hex(a, b)}:${hex(c, d)}`,
    'IPv4-compatible': `::${hex(a, b)}:${hex(c, d)}`,
    NAT64: `64:ff9b::${hex(a, b)}:${hex(c, d)}`,
    'local NAT64': `64:ff9b:1:2:3::${hex(a, b)}:${hex(c, d)}`,
    '6to4': `2002:${hex(a, b)}:${hex(c, d)}::1`,
    Teredo: `2001:0:53aa:64c::${hex(a ^ 255, b ^ 255)}:${hex(c ^ 255, d ^ 255)}`,
    'Teredo, its server': `2001:0:${hex(a, b)}:${hex(c, d)}::39cc:9bf8`,
    'IPv4-translated': `::ffff:0:${hex(a, b)}:${hex(c, d)}`,
    ISATAP: `2001:db8::5efe:${hex(a, b)}:${hex(c, d)}`,
  };
};

describe('the scope of an address', () => {
  it.each(Object.entries(SCOPES).flatMap(([scope, ips]) => ips.map((ip) => [ip, scope])))('%s: %s', (ip, scope) => {
    expect(scopeOf(transportAddress(ip, 1))).toBe(scope);
  });

  it.each(Object.keys(wrap(0, 0, 0, 0)))('of one that wraps an IPv4 address is that of the latter: %s', (form) => {
    const scope = (...ip: [number, number, number, number]) => scopeOf(transportAddress(wrap(...ip)[form] ?? '', 1));
    expect(scope(127, 1, 2, 3)).toBe('loopback');
    expect(scope(169, 254, 1, 1)).toBe('link-local');
    expect(scope(224, 0, 0, 1)).toBe('nobody');
    expect(scope(192, 168, 0, 9)).toBe('private');
    expect(scope(198, 51, 100, 7)).toBe('global');
  });

  it('the wrapped address has the same port; an ordinary one wraps none', () => {
    expect(embeddedAddresses(transportAddress('2002:c000:201::1', 99))).toEqual([transportAddress('192.0.2.1', 99)]);
    expect(embeddedAddresses(transportAddress('2001:db8::1', 99))).toEqual([]);
    expect(embeddedAddresses(transportAddress('192.0.2.1', 99))).toEqual([]);
  });
});

describe('loopback', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.8.8.8', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['128.0.0.1', false],
    ['2001:db8::1', false],
    ['fe80::1%br_lan', false],
    ['', false],
    ['127.0.0.1; x', false],
  ])('loopback? %s: %s', (ip, expected) => expect(isLoopback(ip)).toBe(expected));
});
