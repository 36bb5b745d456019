import { describe, expect, it } from 'vitest';
import { parseInet6Flags } from '../src/inet6-flags.js';

const line = (flags: string, scope = '00') => `20010db8000000000000000000000005 03 40 ${scope} ${flags}     eth0`;

describe('/proc/net/if_inet6', () => {
  it('tells address, link and scope', () => {
    const text = `00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
fd000000000000000000000000000002 04 40 00 82     eth0
`;
    expect(parseInet6Flags(text).map(({ ip, interfaceName, scopeGlobal }) => [ip, interfaceName, scopeGlobal])).toEqual(
      [
        ['::1', 'lo', false],
        ['fe80::fc:ff:fe00:1', 'eth0', false],
        ['fd00::2', 'eth0', true],
      ],
    );
  });

  it.each([
    ['permanent', '80', {}],
    ['a privacy address', '01', { temporary: true }],
    ['an old privacy address', '21', { temporary: true, deprecated: true }],
    ['in duplicate address detection', 'c0', { unproven: true }],
    ['in optimistic detection, and so usable', '44', {}],
    ['a duplicate', '88', { unproven: true }],
    ['a duplicate that was optimistic', '4c', { unproven: true }],
  ])('an address that is %s (%s)', (_what, flags, expected) => {
    expect(parseInet6Flags(line(flags))[0]).toMatchObject({
      temporary: false,
      deprecated: false,
      unproven: false,
      ...expected,
    });
  });

  it('skips what it cannot read', () => {
    expect(parseInet6Flags('nonsense\n20010db8 03 40 00 80 eth0\n\n')).toEqual([]);
  });
});
