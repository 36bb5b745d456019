import { describe, expect, it } from 'vitest';
import { AttributeMap, decodeAttributes } from '../../src/netlink/attributes.js';
import * as step from '../../src/nftables/expressions.js';
import {
  batch,
  exchangeRules,
  makeSets,
  removeSets,
  removeTable,
  withFreeSetNames,
  type Interval,
  type Table,
} from '../../src/nftables/table.js';

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');
const body = ({ payload }: { payload: Uint8Array }) => new AttributeMap(payload.subarray(4));
/** NFT_MSG_NEWRULE and the others, of subsystem 10. */
const typeOf = ({ type }: { type: number }) => (type >> 8 === 10 ? type & 0xff : `edge ${type}`);
const ipv4 = (text: string) => Uint8Array.from(text.split('.').map(Number));
const interval = (first: string, last: string): Interval => ({ first: ipv4(first), last: ipv4(last) });
const table = (more: Partial<Table>): Table => ({ name: 't', sets: [], chains: [], ...more });

/** First keys of the elements, `end` for those that end an interval. */
function elementsOf(intervals: readonly Interval[]): string[] {
  return makeSets(table({ sets: [{ name: 's', key: 'ipv4', intervals }] }))
    .filter((request) => typeOf(request) === 12)
    .flatMap((request) => decodeAttributes(body(request).bytes(3)!))
    .map(({ value }) => {
      const of = new AttributeMap(value);
      return `${[...of.nested(1)!.bytes(1)!].join('.')}${of.be32(3) === 1 ? ' end' : ''}`;
    });
}

describe('a table of nftables', () => {
  it('has its rules exchanged in one batch', () => {
    const rules = [{ expressions: [step.verdict('drop')] }];
    const requests = batch(exchangeRules(table({ chains: [{ name: 'c', rules }] }), ['c', 'gone']));
    // The chain is not made anew: its rules are exchanged.
    expect(requests.map(typeOf)).toEqual(['edge 16', 3, 8, 8, 5, 6, 'edge 17']);
    // The resource of the edges is the subsystem, in network order; the family in between is inet.
    expect(requests.map(({ payload }) => hex(payload.subarray(0, 4)))).toEqual([
      '0000000a',
      ...Array<string>(5).fill('01000000'),
      '0000000a',
    ]);
    expect(requests.map(({ acknowledged }) => acknowledged)).toEqual([...Array<boolean>(5).fill(false), true, false]);
  });

  it('gets sets of other names beside those that it has, and rules that look these up', () => {
    const set = (name: string) => ({ name, key: 'ipv4', intervals: [] }) as const;
    const looked = (...sets: string[]) => [{ expressions: sets.map(step.lookup) }];
    const wanted = table({
      sets: [set('a'), set('b'), set('c')],
      chains: [{ name: 'c', rules: looked('a', 'b', 'c') }],
    });
    const { sets, chains } = withFreeSetNames(wanted, ['a', 'c', 'c-2']);
    expect(sets.map(({ name }) => name)).toEqual(['a-2', 'b', 'c-3']);
    expect(chains).toEqual([{ name: 'c', rules: looked('a-2', 'b', 'c-3') }]);
    expect(removeSets('t', ['a', 'c']).map((request) => [typeOf(request), body(request).string(2)])).toEqual([
      [11, 'a'],
      [11, 'c'],
    ]);
  });

  it('is removed without an error where there is none', () => {
    expect(removeTable('t').map(typeOf)).toEqual([0, 2]);
  });

  it('has chains at hooks, and chains that others jump into', () => {
    const chains: Table['chains'] = [
      { name: 'inner', rules: [] },
      { name: 'out', hook: { at: 'output', priority: -150 }, rules: [] },
    ];
    const [inner, out] = exchangeRules(table({ chains }), [])
      .filter((request) => typeOf(request) === 3)
      .map(body);
    expect(inner!.bytes(4)).toBeUndefined();
    expect([out!.nested(4)!.be32(1), out!.nested(4)!.be32(2)! | 0, out!.string(7)]).toEqual([3, -150, 'filter']);
  });

  it('has rules as the program nft writes them', () => {
    // `nft --debug=mnl add rule inet t c meta mark and 0x7f == 0x57 counter drop`, without what nft leaves to the kernel.
    const expressions = [
      step.loadMeta('mark'),
      step.bitwise(step.hostU32(0x7f)),
      step.compare('==', step.hostU32(0x57)),
      step.verdict('drop'),
    ];
    const rule = exchangeRules(table({ chains: [{ name: 'c', rules: [{ expressions, comment: 'why' }] }] }), []).at(
      -1,
    )!;
    expect(hex(body(rule).bytes(4))).toBe(
      [
        '2400 0180 0900 0100 6d65746100000000 1400 0280 0800 0200 00000003 0800 0100 00000001',
        '4400 0180 0c00 0100 6269747769736500 3400 0280 0800 0100 00000001 0800 0200 00000001 0800 0300 00000004',
        '0c00 0480 0800 0100 7f000000 0c00 0580 0800 0100 00000000',
        '2c00 0180 0800 0100 636d7000 2000 0280 0800 0100 00000001 0800 0200 00000000 0c00 0380 0800 0100 57000000',
        '3000 0180 0e00 0100 696d6d656469617465000000 1c00 0280 0800 0100 00000000',
        '1000 0280 0c00 0280 0800 0100 00000000',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
    // As nft keeps comments: type 0, length, text with its zero.
    expect(hex(body(rule).bytes(7))).toBe('000477687900');
  });

  it.each([
    ['one that ends in between', [interval('10.0.0.0', '10.0.0.255')], ['10.0.0.0', '10.0.1.0 end']],
    ['one up to the last address has no end', [interval('224.0.0.0', '255.255.255.255')], ['224.0.0.0']],
    ['everything', [interval('0.0.0.0', '255.255.255.255')], ['0.0.0.0']],
    ['none', [], []],
  ])('has intervals in sets: %s', (_name, intervals, expected) => {
    expect(elementsOf(intervals)).toEqual(expected);
  });

  it('spreads many intervals over messages that their length fields can hold', () => {
    const intervals = Array.from({ length: 2000 }, (_, i) =>
      interval(`10.${i >> 8}.${i & 255}.0`, `10.${i >> 8}.${i & 255}.9`),
    );
    expect(elementsOf(intervals)).toHaveLength(4000);
    expect(elementsOf(intervals).slice(-2)).toEqual(['10.7.207.0', '10.7.207.10 end']);
  });

  it('takes no comment that nft could not show, and no name that is no interface’s', () => {
    expect(() => makeSets(table({ comment: 'x'.repeat(129) }))).toThrow(RangeError);
    expect(() => step.interfaceNameBytes('sixteen-bytes-xx')).toThrow(RangeError);
    expect(() => step.interfaceNameBytes('')).toThrow(RangeError);
  });
});
