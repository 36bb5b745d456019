import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatErrnoAnswer, formatGetAnswer, UapiAnswerReader } from '../../src/uapi/answer.js';
import { UapiError } from '../../src/uapi/errno.js';
import { deviceState } from './arbitraries.js';

const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const read = (text: string) => new UapiAnswerReader().push(ascii(text));
const KEY = 'ab'.repeat(32);
const PUBLIC_KEY = Buffer.from(KEY, 'hex').toString('base64');

describe('a UAPI answer', () => {
  it('comes back from its own text, in any two pieces', () => {
    fc.assert(
      fc.property(deviceState, fc.nat(), (state, cut) => {
        const text = formatGetAnswer(state);
        const at = cut % text.length;
        const reader = new UapiAnswerReader();
        expect(reader.push(ascii(text.slice(0, at)))).toBeUndefined();
        expect(reader.push(ascii(text.slice(at)))).toEqual({ errno: 0, state });
      }),
    );
  });

  it.each([0, 22, 98])('to a set carries errno %i', (errno) => {
    expect(read(formatErrnoAnswer(errno))).toMatchObject({ errno });
  });

  it('passes over keys that it does not know, and knows those of boringtun', () => {
    const text = `own_public_key=${KEY}\nlisten_port=1\npublic_key=${KEY}\ncolour=red\nrx_bytes=7\nerrno=0\n\n`;
    expect(read(text)).toMatchObject({ state: { ownPublicKey: PUBLIC_KEY, listenPort: 1, peers: [{ rxBytes: 7 }] } });
  });

  it('keeps nanoseconds apart from seconds (a handshake in the same second is another one)', () => {
    const at = (nanoseconds: number) =>
      read(
        `public_key=${KEY}\nlast_handshake_time_sec=1795337380\nlast_handshake_time_nsec=${nanoseconds}\nerrno=0\n\n`,
      )?.state.peers[0]?.lastHandshake;
    expect(at(188_000_001)).toEqual({ seconds: 1_795_337_380, nanoseconds: 188_000_001 });
    expect(at(188_000_002)).not.toEqual(at(188_000_001));
  });

  const broken: [what: string, text: string][] = [
    ['no errno', 'listen_port=1\n\n'],
    ['a bad port', 'listen_port=70000\nerrno=0\n\n'],
    ['a bad counter', `public_key=${KEY}\nrx_bytes=-1\nerrno=0\n\n`],
    ['a bad key', `private_key=${KEY}00\nerrno=0\n\n`],
    ['an endless line', 'x'.repeat(10_000)],
  ];
  it.each(broken)('with %s is an EPROTO without the value', (_what, text) => {
    let caught: unknown;
    try {
      read(text);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(UapiError);
    expect(caught).toMatchObject({ errno: 71 });
    expect(String(caught)).not.toContain(KEY);
  });

  it('throws nothing but UapiError, whatever comes in', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          deviceState.map((state) => ascii(formatGetAnswer(state))),
        ),
        fc.nat(),
        fc.nat(255),
        (bytes, at, value) => {
          const mutated = Uint8Array.from(bytes);
          if (mutated.length > 0) mutated[at % mutated.length] = value;
          try {
            new UapiAnswerReader().push(mutated);
          } catch (error) {
            expect(error).toBeInstanceOf(UapiError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
