import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transportAddress, type TransportPath } from '@wirepath/core/plugin';
import { PathEvidence } from '../../../src/attached/proxy/path-evidence.js';

const path = (port: number): TransportPath => ({
  kind: 'socket',
  base: { id: 'b', family: 4, port: 1, shared: true },
  remote: transportAddress('192.0.2.1', port),
});
const A = path(1);
const B = path(2);

function message(type: 1 | 2 | 4, indices: number[], length = { 1: 148, 2: 92, 4: 96 }[type]): Uint8Array {
  const bytes = Buffer.alloc(length);
  bytes[0] = type;
  indices.forEach((index, i) => bytes.writeUInt32LE(index, 4 + 4 * i));
  return bytes;
}
const data = (index: number, length?: number) => message(4, [index], length);

describe('the evidence of paths behind an opaque device', () => {
  it('a response proves the path of the initiation that it answers, once', () => {
    const evidence = new PathEvidence();
    evidence.forwarded(A, message(1, [7]));
    evidence.forwarded(B, message(1, [8]));
    expect(evidence.initiationPath(message(2, [99, 7]))).toBe(A);
    expect(evidence.deviceSent(message(2, [99, 7]))).toBe(A);
    expect(evidence.deviceSent(message(2, [99, 7]))).toBeUndefined();
    expect(evidence.deviceSent(message(2, [99, 6]))).toBeUndefined();
  });

  it('a copy of an initiation from elsewhere does not take its place', () => {
    const evidence = new PathEvidence();
    evidence.forwarded(A, message(1, [7]));
    evidence.forwarded(B, message(1, [7]));
    expect(evidence.deviceSent(message(2, [99, 7]))).toBe(A);
  });

  it('data to the index of a response proves the path of the response', () => {
    const evidence = new PathEvidence();
    evidence.forwarded(A, message(2, [7, 99]));
    expect(evidence.deviceSent(data(5))).toBeUndefined();
    expect(evidence.deviceSent(data(7))).toBe(A);
  });

  it('growth proves the only path that brought anything', () => {
    const evidence = new PathEvidence();
    evidence.asked();
    expect(evidence.told(1000)).toEqual([]);
    evidence.forwarded(A, data(1));
    evidence.asked();
    expect(evidence.told(1096)).toEqual([A]);
  });

  it('no growth proves nothing', () => {
    const evidence = new PathEvidence();
    evidence.told(1000);
    evidence.forwarded(A, data(1));
    evidence.asked();
    expect(evidence.told(1000)).toEqual([]);
  });

  it('growth that another path may account for proves neither', () => {
    const evidence = new PathEvidence();
    evidence.told(0);
    evidence.forwarded(A, data(1));
    evidence.forwarded(B, data(1));
    expect(evidence.told(96)).toEqual([]);
  });

  it('growth beyond what the other brought proves a path', () => {
    const evidence = new PathEvidence();
    evidence.told(0);
    evidence.forwarded(A, data(1, 1452));
    evidence.forwarded(B, data(1));
    expect(evidence.told(1452)).toEqual([A]);
  });

  it('a datagram that the device had not read when it was asked counts for the next questions', () => {
    const evidence = new PathEvidence();
    evidence.told(0);
    evidence.forwarded(B, data(1));
    evidence.asked();
    expect(evidence.told(0)).toEqual([]);
    evidence.forwarded(A, data(1));
    evidence.asked();
    expect(evidence.told(96)).toEqual([]);
  });

  it('never proves a path on which nothing authentic came', () => {
    const arrival = fc.record({
      port: fc.integer({ min: 1, max: 20 }),
      length: fc.integer({ min: 32, max: 1500 }),
      authentic: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(fc.array(arrival, { maxLength: 30 }), { maxLength: 10 }), (rounds) => {
        const evidence = new PathEvidence();
        let rxBytes = 0;
        evidence.told(rxBytes);
        let recent: (typeof rounds)[number][] = [];
        for (const round of rounds) {
          evidence.asked();
          recent = [round, ...recent].slice(0, 3);
          for (const { port, length, authentic } of round) {
            evidence.forwarded(path(port), data(1, length));
            if (authentic) rxBytes += length;
          }
          const honest = new Set(recent.flat().flatMap(({ port, authentic }) => (authentic ? [port] : [])));
          for (const proven of evidence.told(rxBytes)) expect(honest).toContain(proven.remote.port);
        }
      }),
    );
  });
});
