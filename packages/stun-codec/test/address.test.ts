import * as net from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressFromIpBytes,
  formatAddress,
  ipToBytes,
  isIPv6,
  parseTransportAddress,
  sameAddress,
  transportAddress,
} from '@wirepath/stun-codec';
import { anyAddress, ipv6Text } from './arbitraries.js';

describe('transportAddress', () => {
  it.each([
    ['192.0.2.1', 4, '192.0.2.1'],
    ['0.0.0.0', 4, '0.0.0.0'],
    ['::', 6, '::'],
    ['::1', 6, '::1'],
    ['2001:DB8:0:0:0:0:0:1', 6, '2001:db8::1'],
    ['2001:0db8:0001:0000:0001:0001:0001:0001', 6, '2001:db8:1:0:1:1:1:1'],
    ['2001:db8:0:0:1:0:0:1', 6, '2001:db8::1:0:0:1'],
    ['fe80::1%eth0', 6, 'fe80::1%eth0'],
    ['FE80:0::1%wp0', 6, 'fe80::1%wp0'],
    // An interface's name is nearly any text, and the system appends it as it is.
    ['fe80::1%br_lan', 6, 'fe80::1%br_lan'],
    ['fe80::1%wp@0', 6, 'fe80::1%wp@0'],
    ['fe80::1%a%b]', 6, 'fe80::1%a%b]'],
    ['fe80::1%\u00e4', 6, 'fe80::1%\u00e4'],
    ['::ffff:192.0.2.1', 4, '192.0.2.1'],
    ['::FFFF:c000:0201', 4, '192.0.2.1'],
    ['::ffff:0:0', 4, '0.0.0.0'],
    ['::192.0.2.1', 6, '::c000:201'],
    ['64:ff9b::192.0.2.1', 6, '64:ff9b::c000:201'],
  ])('%s is IPv%i %s', (text, family, ip) => {
    expect(transportAddress(text, 3478)).toEqual({ family, ip, port: 3478 });
  });

  it.each([
    '',
    '1',
    '010.0.0.1',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.1:80',
    '[::1]',
    'fe80::1%',
    '::g',
    'localhost',
    ' ::1',
    '1::2::3',
  ])('refuses %j', (text) => expect(() => transportAddress(text, 1)).toThrow(RangeError));

  it.each([-1, 65536, 1.5, NaN, Infinity])('refuses port %d', (port) => {
    expect(() => transportAddress('192.0.2.1', port)).toThrow(RangeError);
  });

  it('cannot be changed', () => expect(Object.isFrozen(transportAddress('2001:db8::1', 1))).toBe(true));

  it('is the same value for every spelling of one IPv6 address, and canonical already', () => {
    fc.assert(
      fc.property(ipv6Text, fc.nat(65535), (text, port) => {
        const address = transportAddress(text, port);
        expect(transportAddress(text.toUpperCase(), port)).toEqual(address);
        expect(transportAddress(address.ip, port)).toEqual(address);
        if (address.family === 6) expect(net.isIPv6(address.ip)).toBe(true);
      }),
    );
  });
});

describe('text form', () => {
  it('is read back to the same address', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(parseTransportAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });

  it.each([
    ['192.0.2.1:3478', '192.0.2.1:3478'],
    ['[2001:DB8::0:1]:0', '[2001:db8::1]:0'],
    ['[fe80::1%eth0]:65535', '[fe80::1%eth0]:65535'],
    ['[fe80::1%a]_b]:1', '[fe80::1%a]_b]:1'],
    ['[::ffff:192.0.2.1]:80', '192.0.2.1:80'],
  ])('%s reads as %s', (text, canonical) => {
    const address = parseTransportAddress(text);
    expect(address && formatAddress(address)).toBe(canonical);
  });

  it.each([
    '',
    '192.0.2.1',
    '192.0.2.1:',
    '192.0.2.1:65536',
    '192.0.2.1:-1',
    '192.0.2.1:1e3',
    '[192.0.2.1]:80',
    '2001:db8::1:80',
    '[::1]',
    '[::1]:80 ',
    'example.org:80',
    '010.0.0.1:80',
  ])('%j is none', (text) => expect(parseTransportAddress(text)).toBeUndefined());

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseTransportAddress(text)));
  });
});

describe('sameAddress', () => {
  it.each([
    ['192.0.2.1:1', '192.0.2.1:1', true],
    ['192.0.2.1:1', '192.0.2.1:2', false],
    ['192.0.2.1:1', '192.0.2.2:1', false],
    ['[::ffff:192.0.2.1]:1', '192.0.2.1:1', true],
    ['[fe80::1%a]:1', '[fe80::1%b]:1', false],
  ])('%s and %s: %s', (a, b, same) => {
    expect(sameAddress(parseTransportAddress(a)!, parseTransportAddress(b)!)).toBe(same);
  });
});

describe('IP bytes', () => {
  it.each([
    ['192.0.2.1', 'c0000201'],
    ['2001:db8::1', '20010db8000000000000000000000001'],
    ['::', '00000000000000000000000000000000'],
    ['1::', '00010000000000000000000000000000'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
  ])('%s is %s', (ip, hex) => expect(ipToBytes(transportAddress(ip, 1)).toString('hex')).toBe(hex));

  it('are read back to the same address', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(addressFromIpBytes(ipToBytes(address), address.port)).toEqual(address);
      }),
    );
  });

  it.each([0, 3, 5, 15, 17])('of length %i are none', (length) => {
    expect(addressFromIpBytes(Buffer.alloc(length), 1)).toBeUndefined();
  });
});

describe('isIPv6', () => {
  const likeIPv6 = fc
    .array(
      fc.oneof(
        fc.constantFrom('::', ':', '.', '0', '1.2.3.4', 'ffff', '%', ']', '/', ' '),
        fc.string({ maxLength: 2 }),
      ),
      {
        maxLength: 12,
      },
    )
    .map((parts) => parts.join(''));
  const nearly = fc
    .tuple(ipv6Text, fc.nat(40), fc.constantFrom('', ':', '::', '0', 'g', '.', '255', '256'))
    .map(([text, at, put]) => text.slice(0, at) + put + text.slice(at + 1));

  it('takes what node:net takes, but for zones', () => {
    fc.assert(
      fc.property(fc.oneof(likeIPv6, nearly, fc.ipV6()), (text) => {
        expect(isIPv6(text)).toBe(net.isIPv6(text) && !text.includes('%'));
      }),
      { numRuns: 5000 },
    );
  });
});
