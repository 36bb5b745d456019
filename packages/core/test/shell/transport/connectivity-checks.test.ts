import { encodeStunMessage, shortTermKey, transportAddress } from '@wirepath/stun-codec';
import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { ConnectivityChecks } from '../../../src/shell/transport/connectivity-checks.js';
import type { TransportPath } from '../../../src/contracts/path.js';
import type { SendCheck } from '../../../src/shell/transport/transport-port.js';

const base = { id: 'udp4', family: 4, port: 51820, shared: true } as const;
const pathTo = (ip: string, port = 51820): TransportPath => ({
  kind: 'socket',
  base,
  remote: transportAddress(ip, port),
});

const check: SendCheck = {
  type: 'send-check',
  peer: 'B',
  path: pathTo('192.0.2.2'),
  transactionId: Buffer.from('0123456789ab'),
  remoteUfrag: 'ufrag-of-B',
  localUfrag: 'ufrag-of-A',
  remotePassword: 'password-of-B',
  priority: 1_862_270_719,
  candidateType: 'relayed',
  controlling: true,
  tieBreaker: 7n,
  useCandidate: true,
  sizeBytes: undefined,
};

function twoSides() {
  const [a, b] = [new ConnectivityChecks(randomBytes), new ConnectivityChecks(randomBytes)];
  a.expect('B', 'ufrag-of-A', 'password-of-A');
  b.expect('A', 'ufrag-of-B', 'password-of-B');
  return { a, b };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Held by living buffers of this thread. */
function bufferBytes(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

describe('a connectivity check', () => {
  it('is read by the peer with all that it says', () => {
    const { a, b } = twoSides();
    expect(b.read(pathTo('192.0.2.1'), a.encodeCheck(check))).toEqual({
      type: 'check',
      peer: 'A',
      path: pathTo('192.0.2.1'),
      transactionId: Uint8Array.from(check.transactionId),
      priority: check.priority,
      candidateType: 'relayed',
      useCandidate: true,
    });
  });

  it('is answered with the address that it came from, once', () => {
    const { a, b } = twoSides();
    a.encodeCheck(check);
    const answer = b.encodeAnswer('A', check.transactionId, pathTo('203.0.113.7', 40001))!;
    const expected = {
      type: 'check-response',
      path: pathTo('192.0.2.2'),
      transactionId: Buffer.from(check.transactionId).toString('hex'),
      mappedAddress: transportAddress('203.0.113.7', 40001),
    };
    expect(a.read(pathTo('192.0.2.2'), answer)).toEqual(expected);
    expect(a.read(pathTo('192.0.2.2'), answer)).toBe('not-a-check');
  });

  it.each([
    ['of an unknown user', { remoteUfrag: 'nobody' }, 'unknown-user'],
    ['of the user constructor', { remoteUfrag: 'constructor' }, 'unknown-user'],
    ['under another password', { remotePassword: 'guess' }, 'forged'],
  ] as const)('%s is dropped', (_what, change, verdict) => {
    const { a, b } = twoSides();
    expect(b.read(pathTo('192.0.2.1'), a.encodeCheck({ ...check, ...change }))).toBe(verdict);
  });

  it('of a peer that was removed is dropped', () => {
    const { a, b } = twoSides();
    b.forget('A');
    expect(b.read(pathTo('192.0.2.1'), a.encodeCheck(check))).toBe('unknown-user');
    expect(b.encodeAnswer('A', check.transactionId, pathTo('192.0.2.1'))).toBeUndefined();
  });

  it('an answer that is not signed with the password of the check proves nothing', () => {
    const { a } = twoSides();
    a.encodeCheck(check);
    const forged = encodeStunMessage({
      class: 'success',
      method: 'binding',
      transactionId: check.transactionId,
      mappedAddress: transportAddress('192.0.2.9', 9),
      integrityKey: shortTermKey('guess'),
      fingerprint: true,
    });
    expect(a.read(pathTo('192.0.2.2'), forged)).toBe('forged');
  });

  it('plain STUN is left to others', () => {
    const { a } = twoSides();
    const binding = encodeStunMessage({ class: 'request', method: 'binding', transactionId: Buffer.alloc(12) });
    expect(a.read(pathTo('192.0.2.2'), binding)).toBe('not-a-check');
  });

  it('that is never answered keeps no buffer alive', () => {
    const { a } = twoSides();
    const before = bufferBytes();
    for (let n = 0; n < 4000; n += 1) {
      const transactionId = Buffer.alloc(12);
      transactionId.writeUInt32BE(n);
      a.encodeCheck({ ...check, transactionId });
      // What else a node does cuts its buffers from the same pool.
      Buffer.allocUnsafe(1000);
    }
    expect(bufferBytes() - before).toBeLessThan(100_000);
  });

  it('mutated in any way is never taken for a check and never throws', () => {
    const { a, b } = twoSides();
    const genuine = a.encodeCheck(check);
    fc.assert(
      fc.property(fc.nat(genuine.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const mutated = Buffer.from(genuine);
        mutated[at]! ^= flip;
        expect(typeof b.read(pathTo('192.0.2.1'), mutated)).toBe('string');
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => typeof b.read(pathTo('192.0.2.1'), bytes) === 'string'),
    );
  });
});
