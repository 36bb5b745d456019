import { describe, expect, it } from 'vitest';
import { AttributeMap, decodeAttributes } from '../../src/netlink/attributes.js';
import * as step from '../../src/nftables/expressions.js';
import { batch, removeTable, replaceTable, type Interval, type Table } from '../../src/nftables/table.js';

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');
const body = ({ payload }: { payload: Uint8Array }) => new AttributeMap(payload.subarray(4));
/** NFT_MSG_NEWRULE and the others, of subsystem 10. */
const typeOf = ({ type }: { type: number }) => (type >> 8 === 10 ? type & 0xff : `edge ${type}`);
const ipv4 = (text: string) => Uint8Array.from(text.split('.').map(Number));
const interval = (first: string, last: string): Interval => ({ first: ipv4(first), last: ipv4(last) });
const none = { chains: [], sets: [] };
const table = (more: Partial<Table>): Table => ({ name: 't', sets: [], chains: [], ...more });

/** First keys of the elements, `end` for those that end an interval. */
function elementsOf(intervals: readonly Interval[]): string[] {
  const requests = replaceTable(table({ sets: [{ name: 's', key: 'ipv4', intervals }] }), none);
  return requests
    .filter((request) => typeOf(request) === 12)
    .flatMap((request) => decodeAttributes(body(request).bytes(3)!))
    .map(({ value }) => {
      const of = new AttributeMap(value);
      return `${[...of.nested(1)!.bytes(1)!].join('.')}${of.be32(3) === 1 ? ' end' : ''}`;
    });
}

describe('a table of nftables', () => {
  it('is replaced in one batch: made where there is none, its rules and sets exchanged', () => {
    const rules = [{ expressions: [step.verdict('drop')] }];
    const before = { chains: ['c', 'gone'], sets: ['s'] };
    const requests = batch(replaceTable(table({ chains: [{ name: 'c', rules }] }), before));
    // The chain is not made anew: its rules are exchanged.
    expect(requests.map(typeOf)).toEqual(['edge 16', 0, 3, 8, 8, 11, 5, 6, 'edge 17']);
    // The resource of the edges is the subsystem, in network order; the family in between is inet.
    expect(requests.map(({ payload }) => hex(payload.subarray(0, 4)))).toEqual([
      '0000000a',
      ...Array<string>(7).fill('01000000'),
      '0000000a',
    ]);
    expect(requests.map(({ acknowledged }) => acknowledged)).toEqual([...Array<boolean>(7).fill(false), true, false]);
  });

  it('is removed in the same way', () => {
    expect(removeTable('t').map(typeOf)).toEqual([0, 2]);
  });

  it('has chains at hooks, and chains that others jump into', () => {
    const chains: Table['chains'] = [
      { name: 'inner', rules: [] },
      { name: 'out', hook: { at: 'output', priority: -150 }, rules: [] },
    ];
    const [inner, out] = replaceTable(table({ chains }), none)
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
    const rule = replaceTable(table({ chains: [{ name: 'c', rules: [{ expressions, comment: 'why' }] }] }), none).at(
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
    expect(() => replaceTable(table({ comment: 'x'.repeat(129) }), none)).toThrow(RangeError);
    expect(() => step.interfaceNameBytes('sixteen-bytes-xx')).toThrow(RangeError);
    expect(() => step.interfaceNameBytes('')).toThrow(RangeError);
  });
});
