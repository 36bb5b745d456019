import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultRoutes, parseIpv4Routes, parseIpv6Routes } from '../src/routes.js';

// As kernel 6.18 printed them, in a namespace with two default routes, one of them a mesh's, and an unreachable one.
const IPV4 = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
tun7	00000000	00000000	0001	0	0	5	00000000	0	0	0
va	00000000	016433C6	0003	0	0	50	00000000	0	0	0
*	00000000	00000000	0201	0	0	4000	00000000	0	0	0
va	006433C6	00000000	0001	0	0	0	00FFFFFF	0	0	0
`;
const IPV6 = `20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001       va
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001       va
00000000000000000000000000000000 00 00000000000000000000000000000000 00 20010db8000000000000000000000001 00000400 00000001 00000000 00000003       va
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 00000fa0 00000001 00000000 00200200       lo
ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001       va
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`;

describe('the IPv4 routing table', () => {
  it('is read in the words of a little-endian machine', () => {
    expect(parseIpv4Routes(IPV4)).toEqual([
      { interfaceName: 'tun7', family: 4, destination: '0.0.0.0', prefixLength: 0, metric: 5 },
      { interfaceName: 'va', family: 4, destination: '0.0.0.0', prefixLength: 0, gateway: '198.51.100.1', metric: 50 },
      { interfaceName: 'va', family: 4, destination: '198.51.100.0', prefixLength: 24, metric: 0 },
    ]);
  });

  it('is read in the words of a big-endian machine', () => {
    const line = 'eth0\tC6336400\t00000000\t0001\t0\t0\t0\tFFFFFF00\t0\t0\t0';
    expect(parseIpv4Routes(line, 'BE')).toMatchObject([{ destination: '198.51.100.0', prefixLength: 24 }]);
  });

  it.each([
    ['an empty text', ''],
    ['the header alone', IPV4.split('\n')[0]!],
    ['a rejecting route', '*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0'],
    ['a route that is not up', 'eth0\t00000000\t010200C0\t0002\t0\t0\t0\t00000000\t0\t0\t0'],
    ['a cut line', 'eth0\t00000000\t0102'],
  ])('yields nothing for %s', (_what, text) => {
    expect(parseIpv4Routes(text)).toEqual([]);
  });
});

describe('the IPv6 routing table', () => {
  it('is read without its rejecting routes', () => {
    expect(parseIpv6Routes(IPV6)).toEqual([
      { interfaceName: 'va', family: 6, destination: '2001:db8::', prefixLength: 64, metric: 256 },
      { interfaceName: 'va', family: 6, destination: 'fe80::', prefixLength: 64, metric: 256 },
      { interfaceName: 'va', family: 6, destination: '::', prefixLength: 0, gateway: '2001:db8::1', metric: 1024 },
      { interfaceName: 'va', family: 6, destination: 'ff00::', prefixLength: 8, metric: 256 },
    ]);
  });
});

describe('default routes', () => {
  it('come by metric, each family by itself', () => {
    const text = [
      'wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0',
      'eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
      'ppp0\t00000000\t00000000\t0001\t0\t0\t100\t00000000\t0\t0\t0',
    ].join('\n');
    const routes = [...parseIpv4Routes(text), ...parseIpv6Routes(IPV6)];
    expect(defaultRoutes(routes, 4).map((route) => route.interfaceName)).toEqual(['eth0', 'ppp0', 'wlan0']);
    expect(defaultRoutes(routes, 6).map((route) => route.interfaceName)).toEqual(['va']);
  });

  it('are not halves of everywhere (0.0.0.0/1), which VPNs lay over them', () => {
    const half = 'tun0\t00000000\t0100080A\t0003\t0\t0\t0\t00000080\t0\t0\t0';
    expect(parseIpv4Routes(half)).toMatchObject([{ prefixLength: 1 }]);
    expect(defaultRoutes(parseIpv4Routes(half), 4)).toEqual([]);
  });
});

it('no text makes a parser throw', () => {
  const word = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[0-9a-fA-F]{0,33}$/),
    fc.constantFrom('00000000', '0003', 'eth0'),
  );
  const text = fc
    .array(fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')))
    .map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, (table) => {
      for (const route of [...parseIpv4Routes(table), ...parseIpv6Routes(table)]) {
        expect(route.prefixLength).toBeLessThanOrEqual(128);
      }
    }),
    { numRuns: 5000 },
  );
});
