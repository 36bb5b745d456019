import { describe, expect, it } from 'vitest';
import { attribute, concat } from '../../src/netlink/attributes.js';
import { decodeAddress, putAddress } from '../../src/rtnetlink/addresses.js';
import { decodeLink, setLink } from '../../src/rtnetlink/links.js';
import { addRoute, decodeRoute, removeRoute } from '../../src/rtnetlink/routes.js';
import { addRule, decodeRule, ruleKey, type RoutingRule } from '../../src/rtnetlink/rules.js';

const v4 = Uint8Array.of(10, 0, 0, 0);
const v6 = Uint8Array.of(0xfd, ...new Array<number>(15).fill(0));

describe('routes', () => {
  it.each([
    ['of a network', { destination: { bytes: v4, prefix: 8 }, link: 3, table: 254 }],
    [
      'of everything, in a table with a large number',
      { destination: { bytes: new Uint8Array(4), prefix: 0 }, link: 3, table: 0x77712345 },
    ],
    ['of IPv6', { destination: { bytes: v6, prefix: 64 }, link: 9, table: 254 }],
  ])('are read as they were written: %s', (_what, route) => {
    for (const { payload } of [addRoute(route), removeRoute(route)]) expect(decodeRoute(payload)).toMatchObject(route);
  });

  it.each([
    ['nothing', 0],
    ['a part of the header', 11],
  ])('are not read from %s', (_what, sizeBytes) => {
    expect(decodeRoute(new Uint8Array(sizeBytes))).toBeUndefined();
  });
});

describe('addresses', () => {
  it('are read as they were written', () => {
    for (const bytes of [v4, v6]) {
      expect(decodeAddress(putAddress({ index: 5, bytes, prefix: 24 }).payload)).toEqual({
        index: 5,
        bytes,
        prefix: 24,
      });
    }
    expect(decodeAddress(new Uint8Array(7))).toBeUndefined();
    expect(decodeAddress(new Uint8Array(8))).toBeUndefined();
  });
});

describe('rules', () => {
  const rules: RoutingRule[] = [
    { family: 4, priority: 100, action: 'nop' },
    { family: 4, priority: 101, action: { goto: 200 }, mark: { value: 0x57, mask: 0x7f } },
    { family: 6, priority: 102, action: { goto: 200 }, ipProtocol: 17, sourcePort: 51820 },
    {
      family: 6,
      priority: 103,
      action: { goto: 200 },
      ipProtocol: 6,
      destinationPort: 443,
      destination: { bytes: v6, prefix: 128 },
    },
    { family: 4, priority: 104, action: { lookup: 254 }, suppressPrefixLength: 0 },
    { family: 4, priority: 105, action: { lookup: 0x77712345 }, destination: { bytes: v4, prefix: 8 } },
  ];

  it('are read as they were written', () => {
    for (const rule of rules) expect(decodeRule(addRule(rule).payload)).toEqual(rule);
    expect(new Set(rules.map(ruleKey)).size).toBe(rules.length);
  });

  const base = addRule({ family: 4, priority: 105, action: { lookup: 7 } }).payload;
  it.each([
    ['an interface', attribute.string(3, 'eth0')],
    ['a user', attribute.bytes(20, new Uint8Array(8))],
    ['part of a port', attribute.u16(28, 0xff00)],
  ])('that match less are not taken for ours: %s', (_what, condition) => {
    expect(decodeRule(concat([base, condition]))).toMatchObject({ hasMore: true });
  });

  it('are the same where the kernel says in more words that nothing is a condition', () => {
    const said = concat([base, attribute.u32(14, 0xffffffff), attribute.u8(21, 3), attribute.u16(28, 0xffff)]);
    expect(ruleKey(decodeRule(said)!)).toBe(ruleKey(decodeRule(base)!));
  });
});

describe('links', () => {
  const settings = (disabled: number) => {
    const values = new Uint8Array(new Int32Array(27).buffer);
    values[26 * 4] = disabled;
    return attribute.nested(26, [attribute.nested(10, [attribute.bytes(2, values), attribute.u8(8, 1)])]);
  };
  const link = (...attributes: Uint8Array[]) =>
    decodeLink(
      concat([setLink(3, { up: true }).payload, attribute.string(3, 'wp0'), attribute.u32(4, 1420), ...attributes]),
    );

  it.each([
    ['on', [settings(0)]],
    ['off', [settings(1)]],
    ['absent', []],
  ] as const)('tell whether IPv6 is %s', (ipv6, attributes) => {
    expect(link(...attributes)).toEqual({ index: 3, name: 'wp0', mtu: 1420, up: true, ipv6, quiet: ipv6 !== 'absent' });
  });

  it('are not read without a name', () => {
    expect(decodeLink(setLink(3, { mtu: 1400 }).payload)).toBeUndefined();
    expect(decodeLink(new Uint8Array(3))).toBeUndefined();
  });
});
