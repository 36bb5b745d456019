import fc from 'fast-check';
import { SeededRandom } from '@wirepath/testkit';
import { describe, expect, it } from 'vitest';
import { openFrame, partsOf, PART_BYTES, sealFrame } from '../src/protocol/frame.js';
import { DATAGRAM_BYTES, MAX_SEALED_BYTES } from '../src/protocol/lan-v1.js';
import { LanSession } from '../src/protocol/lan-session.js';
import { directionKey, epochKeys, tagOf } from '../src/protocol/pair-keys.js';
import { Reassembly } from '../src/protocol/reassembly.js';
import { identityOf } from './support.js';

const FROM = { link: 'eth0', ip: '192.0.2.66', port: 6666 };
const AT = { now: 0, unixMs: 1_800_000_000_000 };
const keys = epochKeys(directionKey(new Uint8Array(32).fill(7), 'a', 'b'), 3);
const tag = tagOf(keys, 5);
const bytes = (constraints: fc.IntArrayConstraints = {}) =>
  fc.uint8Array(constraints).map((value) => Buffer.from(value));
const number = fc.integer({ min: 1, max: 2 ** 48 - 1 });

describe('frames', () => {
  it('say what was sealed in them, in one length', () => {
    const part = fc.uint8Array({ maxLength: PART_BYTES });
    const frames = fc.record({ stamp: number, message: number, acknowledged: number, wantsAnswer: fc.boolean(), part });
    fc.assert(
      fc.property(frames, (fields) => {
        const frame = { ...fields, index: 1, count: 2 };
        const sealed = sealFrame(frame, tag, keys.frameKey, new Uint8Array(12));
        expect(sealed.length).toBe(DATAGRAM_BYTES);
        expect(openFrame(sealed, keys.frameKey)).toEqual(frame);
      }),
    );
  });

  it('that were changed anywhere are none', () => {
    const frame = {
      stamp: 1,
      message: 0,
      acknowledged: 0,
      wantsAnswer: true,
      index: 0,
      count: 0,
      part: new Uint8Array(0),
    };
    const sealed = sealFrame(frame, tag, keys.frameKey, new Uint8Array(12));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: DATAGRAM_BYTES - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(sealed);
        changed[at] = (changed[at] ?? 0) ^ change;
        expect(openFrame(changed, keys.frameKey)).toBeUndefined();
      }),
    );
  });

  it('in any order, with copies, make the message that was cut', () => {
    const message = fc.uint8Array({ maxLength: MAX_SEALED_BYTES, size: 'max' });
    fc.assert(
      fc.property(message, fc.infiniteStream(fc.nat()), (sealed, picks) => {
        const parts = partsOf(sealed);
        const frames = parts.map((part, index) => ({
          ...{ stamp: 1, message: 9, acknowledged: 0, wantsAnswer: false },
          ...{ index, count: parts.length, part },
        }));
        const reassembly = new Reassembly();
        const shuffled = [...frames, ...frames].sort(() => ((picks.next().value as number) % 2 === 0 ? 1 : -1));
        const whole = shuffled.flatMap((frame) => reassembly.take(frame) ?? []);
        expect(whole.map((one) => Buffer.from(one).toString('hex'))).toEqual([Buffer.from(sealed).toString('hex')]);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a session', () => {
  const lengths = [0, 1, 3, 16, DATAGRAM_BYTES - 1, DATAGRAM_BYTES, DATAGRAM_BYTES + 1];
  it('sends nothing for whatever bytes strangers send', () => {
    const session = new LanSession({ identity: identityOf(1), random: new SeededRandom(1) });
    session.setPeers([identityOf(2).publicKey], AT);
    session.start(AT);
    session.linksChanged(['eth0'], AT);
    const later = { now: 1000, unixMs: AT.unixMs + 1000 };
    session.handleTimeout(later);
    const any = fc.oneof(bytes(), ...lengths.map((length) => bytes({ minLength: length, maxLength: length })));
    fc.assert(
      fc.property(any, (datagram) => {
        expect(session.beaconReceived(datagram, FROM, later)).toEqual([]);
        expect(session.frameReceived(datagram, FROM, later)).toEqual([]);
      }),
    );
  });
});
