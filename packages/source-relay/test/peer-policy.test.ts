import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpRanges, isCidr } from '../src/server/ip-ranges.js';
import { PeerPolicy, type PeerVerdict } from '../src/server/peer-policy.js';
import { at } from './raw-client.js';

type Options = Partial<ConstructorParameters<typeof PeerPolicy>[0]>;

function policy(options: Options = {}) {
  return new PeerPolicy({ allowPeers: [], denyPeers: [], isOwn: () => false, isRelayed: () => false, ...options });
}

describe('which peers a relay may reach', () => {
  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '224.0.0.1',
    '239.255.255.255',
    '255.255.255.255',
    '::',
    '::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'febf::1',
    'ff02::1',
    '64:ff9b:1::1',
    '::ffff:10.0.0.1',
    '::ffff:127.0.0.1',
    '::10.0.0.1',
    '2002:a00:1::',
    '2002:7f00:1::1',
    '64:ff9b::a00:1',
    '64:ff9b::7f00:1',
    '2001::f5ff:fffe',
  ])('refuses %s', (ip) => {
    expect(policy().judge(at(ip, 1))).toBe('refused');
  });

  it.each([
    '192.0.2.1',
    '198.51.100.7',
    '203.0.113.9',
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.1',
    '172.15.0.1',
    '172.32.0.1',
    '223.255.255.255',
    '2001:db8::1',
    '2a00:1450::1',
    '2002:808:808::1',
    '64:ff9b::808:808',
    '::ffff:198.51.100.7',
  ])('lets %s through', (ip) => {
    expect(policy().judge(at(ip, 1))).toBe('open');
  });

  it.each<[string, Options, string, PeerVerdict]>([
    ['allowPeers opens what is refused by default', { allowPeers: ['10.1.0.0/16'] }, '10.1.2.3', 'open'],
    ['allowPeers opens no more than it says', { allowPeers: ['10.1.0.0/16'] }, '10.2.2.3', 'refused'],
    ['and what it names in another form', { allowPeers: ['10.1.0.0/16'] }, '64:ff9b::a01:203', 'open'],
    ['denyPeers closes what is open', { denyPeers: ['198.51.100.0/24'] }, '198.51.100.7', 'refused'],
    ['and its other forms', { denyPeers: ['198.51.100.0/24'] }, '2002:c633:6407::1', 'refused'],
    ['denyPeers wins', { allowPeers: ['10.0.0.0/8'], denyPeers: ['10.1.0.0/16'] }, '10.1.0.1', 'refused'],
    ['an own address is refused', { isOwn: () => true }, '198.51.100.7', 'refused'],
    ['but for a live relayed port', { isOwn: () => true, isRelayed: () => true }, '198.51.100.7', 'relayed-only'],
    ['on a private address, too', { isOwn: () => true, isRelayed: () => true }, '10.0.0.1', 'relayed-only'],
    ['or where it is allowed by name', { isOwn: () => true, allowPeers: ['127.0.0.0/8'] }, '127.0.0.1', 'open'],
  ])('%s', (_rule, options, ip, verdict) => {
    expect(policy(options).judge(at(ip, 1))).toBe(verdict);
  });
});

describe('CIDRs', () => {
  it.each([
    ['10.0.0.0/8', true],
    ['2001:db8::/32', true],
    ['127.0.0.1', true],
    ['10.0.0.0/33', false],
    ['10.0.0.0/', false],
    ['10.0.0/8', false],
    ['010.0.0.0/8', false],
    ['10.0.0.0/8/8', false],
    ['::/129', false],
    ['', false],
  ])('%s: %s', (text, is) => {
    expect(isCidr(text)).toBe(is);
  });

  it('contain an address when its leading bits are those of the network', () => {
    const bits = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.nat(32),
        (a, b, prefix) => {
          const ranges = new IpRanges([`${a.join('.')}/${prefix}`]);
          expect(ranges.contains(b)).toBe(bits(a).slice(0, prefix) === bits(b).slice(0, prefix));
        },
      ),
    );
  });
});
