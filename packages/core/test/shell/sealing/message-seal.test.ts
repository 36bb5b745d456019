import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../src/base/identity/create-identity.js';
import { decodeMessage, encodeMessage } from '../../../src/shell/sealing/message-codec.js';
import { MessageSeal } from '../../../src/shell/sealing/message-seal.js';
import type { CallMessage } from '../../../src/engine/messages.js';
import { transportAddress } from '@wirepath/stun-codec';
import { seededRandom } from '../../engine/two-engines.js';

const message: CallMessage = {
  runId: '0123456789abcdef',
  generation: 1,
  revision: 2,
  ufrag: 'ufragufr',
  password: 'passwordpassword',
  natBehavior: { mapping: 'endpoint-independent', filtering: null },
  call: true,
  candidates: [
    { type: 'host', address: transportAddress('192.0.2.1', 51820), priority: 5 },
    { type: 'relayed', address: transportAddress('2001:db8::1', 3478), priority: 1 },
  ],
  seen: { runId: 'fedcba9876543210', generation: 0, revision: 7 },
  asksForEvidence: true,
  evidence: [
    {
      base: 'allocation',
      family: 4,
      remote: transportAddress('198.51.100.7', 40312),
      connection: 'relayed',
      state: 'succeeded',
      inUse: true,
      checksSent: 4,
      responses: 3,
      checksReceived: 2,
    },
  ],
};

function party(seed: number, clock = { unixMs: 1_795_337_380_188 }) {
  const random = seededRandom(seed);
  const identity = createIdentity(random(32));
  const time = { now: () => 0, unixMs: () => clock.unixMs, setTimeout: () => ({ [Symbol.dispose]: () => undefined }) };
  return { identity, key: identity.publicKey, clock, seal: new MessageSeal(identity, time, { bytes: random }) };
}

const everybody = () => true;

describe('a sealed message', () => {
  it('opens at its recipient, as it was sent', () => {
    const [a, b] = [party(1), party(2)];
    expect(b.seal.open(a.key, a.seal.seal(b.key, message)!, everybody)).toEqual({ message });
  });

  it('tells nothing of itself', () => {
    const [a, b] = [party(1), party(2)];
    const sealed = Buffer.from(a.seal.seal(b.key, message)!);
    for (const secret of ['password', '192.0.2.1', '0123456789abcdef']) expect(sealed.includes(secret)).toBe(false);
  });

  it('opens once: a replay is stale, even under a clock that stepped back', () => {
    const [a, b] = [party(1), party(2)];
    const first = a.seal.seal(b.key, message)!;
    expect(b.seal.open(a.key, first, everybody)).toEqual({ message });
    expect(b.seal.open(a.key, first, everybody)).toMatchObject({ dropped: 'stale' });
    a.clock.unixMs -= 3_600_000;
    const second = a.seal.seal(b.key, message)!;
    expect(b.seal.open(a.key, second, everybody)).toEqual({ message });
  });

  it('cannot be reflected, redirected, attributed to another or altered', () => {
    const [a, b, c] = [party(1), party(2), party(3)];
    const sealed = a.seal.seal(b.key, message)!;
    expect(a.seal.open(b.key, sealed, everybody)).toEqual({ dropped: 'forged' });
    expect(c.seal.open(a.key, sealed, everybody)).toEqual({ dropped: 'forged' });
    expect(b.seal.open(c.key, sealed, everybody)).toEqual({ dropped: 'forged' });
    for (let i = 1; i < sealed.length; i += 7) {
      const altered = Uint8Array.from(sealed);
      altered[i]! ^= 1;
      expect(b.seal.open(a.key, altered, everybody)).toEqual({ dropped: 'forged' });
    }
    expect(b.seal.open(a.key, sealed, everybody)).toEqual({ message });
  });

  it('from somebody who is no peer is dropped before any work', () => {
    const [a, b] = [party(1), party(2)];
    expect(b.seal.open(a.key, a.seal.seal(b.key, message)!, () => false)).toEqual({ dropped: 'unknown-sender' });
  });

  it('to a key of small order is not sealed, from one does not open', () => {
    const a = party(1);
    const zero = Buffer.alloc(32).toString('base64');
    expect(a.seal.seal(zero, message)).toBeUndefined();
    expect(a.seal.open(zero, Buffer.concat([Buffer.of(1), Buffer.alloc(80)]), everybody)).toEqual({
      dropped: 'forged',
    });
  });

  it('of any bytes never throws', () => {
    const [a, b] = [party(1), party(2)];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(b.seal.open(a.key, bytes, everybody)).toHaveProperty('dropped');
      }),
    );
  });
});

describe('the plaintext', () => {
  it('is read strictly', () => {
    const good = JSON.parse(Buffer.from(encodeMessage({ time: '4'.repeat(24), message })).toString()) as Record<
      string,
      unknown
    >;
    const broken: [string, unknown][] = [
      ['t', 5],
      ['t', 'zz'],
      ['t', `${'4'.repeat(24)}4`],
      ['t', `${'4'.repeat(23)}g`],
      ['i', '012'],
      ['i', { length: 3, 0: '0123456789abcdef', 1: 1, 2: 2 }],
      ['i', ['0123456789abcdef', 1]],
      ['i', [`0${'0123456789abcdef'}`, 1, 2]],
      ['i', ['0123456789abcdef', 1, 2.5]],
      ['i', ['0123456789abcdef', 2 ** 32, 2]],
      ['i', [7, 1, 2]],
      ['i', ['x', 1, 2]],
      ['i', ['0123456789abcdef', -1, 2]],
      ['u', 'a:b'],
      ['u', 'abc'],
      ['u', 'a'.repeat(65)],
      ['p', 5],
      ['p', 'a'.repeat(65)],
      ['p', 'x'],
      ['m', 1],
      ['n', ['symmetric', null]],
      ['n', ['symmetric', null, null]],
      ['n', [null, 'symmetric', null]],
      ['n', [null, null]],
      ['n', 'abc'],
      ['n', [null, null, 999]],
      ['n', [null, null, '60000']],
      ['c', 'no'],
      ['c', [['h', '010.0.0.1:5', 1]]],
      ['c', [['h', '192.0.2.1:0', 1]]],
      ['c', [['constructor', '192.0.2.1:5', 1]]],
      ['c', [null]],
      ['c', [['h', '192.0.2.1:5']]],
      ['c', ['h12']],
      ['c', [[5, '192.0.2.1:5', 1]]],
      ['c', [['h', 5, 1]]],
      ['c', [['h', '192.0.2.1:5', -1]]],
      ['c', [['h', `${' '.repeat(80)}192.0.2.1:5`, 1]]],
      ['s', 5],
      ['a', true],
      ['e', 'no'],
      ['e', [[0, 4, '192.0.2.1:5', 0, 0, 0, 1, 2]]],
      ['e', ['123456789']],
      ['e', [[0, 4, '192.0.2.1:0', 0, 0, 0, 1, 2, 3]]],
      ['e', [[0, 4, '192.0.2.1:5', 0, 99, 0, 1, 2, 3]]],
      ['e', [[0, 4, '192.0.2.1:5', 0, 0, 2, 1, 2, 3]]],
      ['e', [[0, 4, '192.0.2.1:5', 0, 0, 0, 1, 2, '3']]],
      ['e', [[2, 4, '192.0.2.1:5', 0, 0, 0, 1, 2, 3]]],
      ['e', [[0, 5, '192.0.2.1:5', 0, 0, 0, 1, 2, 3]]],
      ['e', [[0, 4, '192.0.2.1:5', 3, 0, 0, 1, 2, 3]]],
      ['e', [[0, 4, '192.0.2.1:5', 0, 'length', 0, 1, 2, 3]]],
      ['e', [[0, 4, '192.0.2.1:5', 0, 0, 0, -1, 2, 3]]],
    ];
    expect(decodeMessage(Buffer.from(JSON.stringify(good)))?.message).toEqual(message);
    for (const [key, value] of broken) {
      expect(
        decodeMessage(Buffer.from(JSON.stringify({ ...good, [key]: value }))),
        `${key}=${JSON.stringify(value)}`,
      ).toBeUndefined();
    }
  });

  it.each([null, 1000, 45_000])('carries how long the NAT remembers: %s ms', (lifetimeMs) => {
    const natBehavior = { mapping: null, filtering: 'address-dependent', bindingLifetimeMs: lifetimeMs } as const;
    const { bindingLifetimeMs, ...plain } = natBehavior;
    const told = bindingLifetimeMs === null ? plain : { ...plain, bindingLifetimeMs };
    const bytes = encodeMessage({ time: '4'.repeat(24), message: { ...message, natBehavior: told } });
    expect(decodeMessage(bytes)?.message.natBehavior).toEqual(told);
  });

  it.each([
    [6144, true],
    [6145, false],
  ])('of %d bytes is read: %s', (length, isRead) => {
    const bytes = Buffer.from(encodeMessage({ time: '4'.repeat(24), message }));
    const padded = Buffer.concat([bytes, Buffer.alloc(length - bytes.length, ' ')]);
    expect(decodeMessage(padded) !== undefined).toBe(isRead);
  });

  it.each(['host', 'server-reflexive', 'peer-reflexive', 'relayed'] as const)('names a %s candidate', (type) => {
    const candidates = [{ type, address: transportAddress('192.0.2.1', 5), priority: 2 ** 32 - 1 }];
    const bytes = encodeMessage({ time: '4'.repeat(24), message: { ...message, candidates } });
    expect(decodeMessage(bytes)?.message.candidates).toEqual(candidates);
  });

  it.each([
    { base: 'socket', family: 6, inUse: false },
    { base: 'allocation', family: 4, inUse: true },
  ] as const)('carries evidence of a pair of $base', (more) => {
    const evidence = [{ ...message.evidence![0]!, ...more }];
    const bytes = encodeMessage({ time: '4'.repeat(24), message: { ...message, evidence, asksForEvidence: false } });
    expect(decodeMessage(bytes)?.message).toMatchObject({ evidence, asksForEvidence: false });
  });

  it('carries at most 32 candidates, however many are sent', () => {
    const one = message.candidates[0]!;
    const many = { ...message, candidates: Array.from({ length: 60 }, () => one) };
    expect(decodeMessage(encodeMessage({ time: '4'.repeat(24), message: many }))?.message.candidates.length).toBe(32);
  });

  it('carries evidence of at most 24 pairs, and of none where it was not asked for', () => {
    const told = (evidence: CallMessage['evidence']) =>
      decodeMessage(encodeMessage({ time: '4'.repeat(24), message: { ...message, evidence } }))?.message.evidence;
    const [one] = message.evidence ?? [];
    expect(told(Array.from({ length: 60 }, () => one!))?.length).toBe(24);
    expect(told([])).toEqual([]);
    expect(told(null)).toBe(null);
  });

  it('of any JSON never throws', () => {
    fc.assert(fc.property(fc.json(), (text) => void decodeMessage(Buffer.from(text))));
  });
});
