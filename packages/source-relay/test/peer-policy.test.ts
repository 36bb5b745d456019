import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { FakeClock } from '@wirepath/core';
import { IpRanges, isCidr } from '../src/server/ip-ranges.js';
import { MachineAddresses } from '../src/server/machine-addresses.js';
import { PeerPolicy, type PeerVerdict } from '../src/server/peer-policy.js';
import { at } from './raw-client.js';

type Options = Partial<ConstructorParameters<typeof PeerPolicy>[0]>;

const own = (address: string) => (ip: string) => ip === address;

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
    // Not globally reachable by IANA's registries.
    '192.0.0.8',
    '192.88.99.1',
    '198.18.0.1',
    '198.19.255.255',
    '240.0.0.1',
    '254.1.2.3',
    'fec0::1',
    '100::1',
    '100:0:0:1::1',
    '2001:2::1',
    '2001:10::1',
    '2001:2f::1',
    '5f00::1',
    // And by a detour.
    '64:ff9b::f000:1',
    '64:ff9b::c612:1',
    '64:ff9b:1::808:808',
    '2002:c000:1::1',
    '2002:e000:1::1',
    '::169.254.169.254',
    '::ffff:0:10.0.0.1',
    '2001:0:a00:1::1',
    '2001:db8::5efe:10.0.0.1',
    '2001:db8::200:5efe:192.168.0.1',
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
    '192.0.1.1',
    '198.17.255.255',
    '198.20.0.1',
    '100:0:0:2::1',
    '2001:db8::5efe:198.51.100.7',
    '2001:db8:0:5efe:a00:1::',
    '2001:0:c633:6407::39cc:9bf8',
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
    ['nor by a detour', { isOwn: own('198.51.100.7') }, '64:ff9b::198.51.100.7', 'refused'],
    ['by 6to4', { isOwn: own('198.51.100.7'), isRelayed: () => true }, '2002:c633:6407::1', 'refused'],
    ['by Teredo', { isOwn: own('198.51.100.7') }, '2001:0:c633:6407::39cc:9bf9', 'refused'],
    ['by ISATAP', { isOwn: own('198.51.100.7') }, '2001:db8::5efe:198.51.100.7', 'refused'],
    [
      'unless it is allowed by name',
      { isOwn: own('198.51.100.7'), allowPeers: ['198.51.100.7'] },
      '64:ff9b::198.51.100.7',
      'open',
    ],
    ['or where it is allowed by name', { isOwn: () => true, allowPeers: ['127.0.0.0/8'] }, '127.0.0.1', 'open'],
  ])('%s', (_rule, options, ip, verdict) => {
    expect(policy(options).judge(at(ip, 1))).toBe(verdict);
  });
});

describe('addresses of this host', () => {
  function host(...addresses: string[]) {
    const clock = new FakeClock();
    const read = vi.fn(() => addresses);
    return { clock, addresses, read, own: new MachineAddresses(clock, ['203.0.113.200'], read) };
  }

  it('are those of its interfaces, those that it advertises, and loopback', () => {
    const { own, addresses } = host('203.0.113.10', 'fe80::1', '2001:DB8:0::1');
    for (const ip of [...addresses.slice(0, 2), '203.0.113.200', '2001:db8::1', '127.9.9.9', '::1', '0.0.0.0', '::'])
      expect(own.has(ip)).toBe(true);
    expect(own.has('203.0.113.11')).toBe(false);
    expect(own.has('no address')).toBe(false);
  });

  it('are those of now, give or take 5 s, and their change is told', async () => {
    const { own, addresses, clock, read } = host('203.0.113.10');
    expect(own.has('203.0.113.11')).toBe(false);
    const { generation } = own;
    addresses.push('203.0.113.11');
    for (let i = 0; i < 100; i++) own.has('203.0.113.11');
    expect(read).toHaveBeenCalledTimes(1);
    await clock.advance(5001);
    expect(own.has('203.0.113.11')).toBe(true);
    expect(own.generation).toBe(generation + 1);
    await clock.advance(5001);
    expect(own.has('203.0.113.11')).toBe(true);
    expect(own.generation).toBe(generation + 1);
  });

  it('stay what they were where the system does not tell', async () => {
    const { own, clock, read } = host('203.0.113.10');
    expect(own.has('203.0.113.10')).toBe(true);
    read.mockImplementation(() => {
      throw new Error('EMFILE');
    });
    await clock.advance(5001);
    expect(own.has('203.0.113.10')).toBe(true);
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
