import { parseTransportAddress, type NatDependence, type TransportAddress } from '@wirepath/core/plugin';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_MAPPINGS, NatTable } from '../src/demo/nat/nat-table.js';

const at = (text: string): TransportAddress => parseTransportAddress(text)!;
const X = at('127.0.0.1:3478');
const X_OTHER_PORT = at('127.0.0.1:3479');
const Y = at('127.0.0.2:3478');
const OTHERS = { X_OTHER_PORT, Y };
const KINDS: readonly NatDependence[] = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'];

describe('mapping (RFC 4787 section 4.1): after a datagram to X, one to', () => {
  it.each<[keyof typeof OTHERS, NatDependence, 'the same' | 'another']>([
    ['X_OTHER_PORT', 'endpoint-independent', 'the same'],
    ['Y', 'endpoint-independent', 'the same'],
    ['X_OTHER_PORT', 'address-dependent', 'the same'],
    ['Y', 'address-dependent', 'another'],
    ['X_OTHER_PORT', 'address-and-port-dependent', 'another'],
    ['Y', 'address-and-port-dependent', 'another'],
  ])('%s, where it is %s, takes %s mapping', (other, mapping, expected) => {
    const table = new NatTable({ mapping, filtering: 'endpoint-independent' });
    const first = table.outbound(10001, X);
    expect(table.outbound(10001, OTHERS[other]) === first).toBe(expected === 'the same');
    expect(table.outbound(10001, X)).toBe(first);
  });

  it.each(KINDS)('X from another inside port, where it is %s, takes another mapping', (mapping) => {
    const table = new NatTable({ mapping, filtering: 'endpoint-independent' });
    expect(table.outbound(10001, X)).not.toBe(table.outbound(10002, X));
    expect(table.size).toBe(2);
  });
});

describe('filtering (section 5): after a datagram to X, one from', () => {
  it.each<[keyof typeof OTHERS, NatDependence, boolean]>([
    ['X_OTHER_PORT', 'endpoint-independent', true],
    ['Y', 'endpoint-independent', true],
    ['X_OTHER_PORT', 'address-dependent', true],
    ['Y', 'address-dependent', false],
    ['X_OTHER_PORT', 'address-and-port-dependent', false],
    ['Y', 'address-and-port-dependent', false],
  ])('%s, where it is %s, comes in: %s', (other, filtering, comesIn) => {
    const mapping = new NatTable({ mapping: 'endpoint-independent', filtering }).outbound(10001, X);
    expect(mapping?.admits(X)).toBe(true);
    expect(mapping?.admits(OTHERS[other])).toBe(comesIn);
  });
});

describe('hole punching', () => {
  const behind = (mapping: NatDependence) => new NatTable({ mapping, filtering: 'address-and-port-dependent' });

  /** Each NAT's mapping for the server, in place of its outside address; then both send to what the server saw. */
  function punch(tableA: NatTable, tableB: NatTable): { aHearsB: boolean; bHearsA: boolean } {
    const seen = { a: at('127.0.1.1:40000'), b: at('127.0.2.1:50000') };
    const server = { a: tableA.outbound(10001, X), b: tableB.outbound(10001, X) };
    const peer = { a: tableA.outbound(10001, seen.b), b: tableB.outbound(10001, seen.a) };
    // Another mapping is another outside port.
    const from = {
      a: peer.a === server.a ? seen.a : at('127.0.1.1:40001'),
      b: peer.b === server.b ? seen.b : at('127.0.2.1:50001'),
    };
    return { aHearsB: server.a!.admits(from.b), bHearsA: server.b!.admits(from.a) };
  }

  it('works between endpoint-independent mappings, whatever their ports', () => {
    const result = punch(behind('endpoint-independent'), behind('endpoint-independent'));
    expect(result).toEqual({ aHearsB: true, bHearsA: true });
  });

  it('does not between symmetric NATs: what was learnt from the server is another mapping', () => {
    const result = punch(behind('address-and-port-dependent'), behind('address-and-port-dependent'));
    expect(result).toEqual({ aHearsB: false, bHearsA: false });
  });
});

describe('the table', () => {
  it('forgets the mappings of an inside port that was closed, and no others', () => {
    const table = new NatTable({ mapping: 'address-and-port-dependent', filtering: 'address-dependent' });
    const closed = [table.outbound(10001, X), table.outbound(10001, Y)];
    const kept = table.outbound(10002, X);
    expect(table.release(10001)).toEqual(closed);
    expect(table.release(10001)).toEqual([]);
    expect(table.outbound(10002, X)).toBe(kept);
    expect(closed).not.toContain(table.outbound(10001, X));
  });

  it('is bounded: what would need one mapping more has none, and the others live on', () => {
    const remotes = fc.uniqueArray(fc.integer({ min: 1, max: 65535 }), { minLength: MAX_MAPPINGS + 1, maxLength: 400 });
    fc.assert(
      fc.property(remotes, (ports) => {
        const table = new NatTable({ mapping: 'address-and-port-dependent', filtering: 'endpoint-independent' });
        const mappings = ports.map((port) => table.outbound(10001, { ...X, port }));
        expect(mappings.filter((mapping) => mapping !== undefined)).toHaveLength(MAX_MAPPINGS);
        expect(table.size).toBe(MAX_MAPPINGS);
        expect(table.outbound(10001, { ...X, port: ports[0]! })).toBe(mappings[0]);
      }),
      { numRuns: 20 },
    );
  });
});
