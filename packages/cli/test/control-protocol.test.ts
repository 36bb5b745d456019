import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ControlConnection } from '../src/control/connection.js';
import { LineSplitter } from '../src/control/line-splitter.js';
import {
  decodeRequest,
  decodeServerMessage,
  encodeLine,
  MAX_CONTROL_REQUEST_BYTES,
  type ServerMessage,
} from '../src/control/protocol.js';
import { CommandError } from '../src/wording/command-error.js';
import { fakeHandler, hello } from './fixtures.js';

const bytes = (text: string): Buffer => Buffer.from(text);

describe('LineSplitter', () => {
  it('gives the same lines however the stream is cut', () => {
    const lines = fc.array(
      fc.string({ unit: 'grapheme' }).filter((line) => !line.includes('\n') && line.trim() !== ''),
    );
    fc.assert(
      fc.property(lines, fc.array(fc.nat()), (expected, cuts) => {
        const stream = bytes(expected.map((line) => `${line}\n`).join(''));
        const positions = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
        const splitter = new LineSplitter(10_000);
        const got = positions.slice(1).flatMap((end, i) => splitter.push(stream.subarray(positions[i], end)));
        expect(got).toEqual(expected);
      }),
    );
  });

  it('never holds more than its bound, and says so once it is passed', () => {
    const splitter = new LineSplitter(10);
    expect(splitter.push(bytes('1234567890\n'))).toEqual(['1234567890']);
    expect(splitter.push(bytes('ok\n12345678901'))).toEqual(['ok']);
    expect(splitter.overflowed).toBe(true);
    expect(splitter.push(bytes('\nlater\n'))).toEqual([]);
  });
});

describe('messages', () => {
  const messages: ServerMessage[] = [
    { hello },
    { id: 1, result: { a: [1, null] } },
    { id: 2, event: 'x' },
    { id: null, error: { code: 'BAD_REQUEST', message: 'no', subject: null, advice: null } },
    { id: 3, error: { code: 'PEER_NOT_FOUND', message: 'no', subject: 'b', advice: 'Look.' } },
  ];
  it.each(messages)('%j survives the wire', (message) => {
    expect(decodeServerMessage(encodeLine(message))).toEqual(message);
  });

  it('a request survives the wire, and params may be left out', () => {
    const request = { id: 7, method: 'ping', params: { peer: 'b' } };
    expect(decodeRequest(encodeLine(request))).toEqual(request);
    expect(decodeRequest('{"id":7,"method":"status"}')).toEqual({ id: 7, method: 'status', params: {} });
  });

  it.each([
    ['', 'nothing'],
    ['[]', 'an array'],
    ['null', 'null'],
    ['{"method":"status"}', 'no id'],
    ['{"id":"1","method":"status"}', 'an id that is text'],
    ['{"id":1.5,"method":"status"}', 'a broken id'],
    ['{"id":9007199254740993,"method":"status"}', 'an id that JSON cannot carry'],
    ['{"id":1,"method":5}', 'a method that is no text'],
    ['{"id":1,"method":"status","params":[]}', 'params that are a list'],
    ['{"id":1,"method":"status"', 'half a request'],
  ])('%s is not a request: %s', (line) => {
    expect(decodeRequest(line)).toBeUndefined();
  });

  it('no line makes a decoder throw', () => {
    const hostile = fc.oneof(
      fc.string(),
      fc.json(),
      fc.object().map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(hostile, (line) => {
        decodeRequest(line);
        decodeServerMessage(line);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('ControlConnection', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function connect(handler = fakeHandler()) {
    const peer = { text: '', ended: false, backlogBytes: 0 };
    const connection = new ControlConnection(handler, {
      write: (text) => void (peer.text += text),
      end: () => void (peer.ended = true),
      get backlogBytes() {
        return peer.backlogBytes;
      },
    });
    const messages = (): unknown[] =>
      peer.text
        .split('\n')
        .filter((line) => line !== '')
        .map((line): unknown => JSON.parse(line));
    return { connection, handler, peer, messages };
  }

  it('says hello first, then answers each request under its id', async () => {
    const methods = new Map([['echo', (params: object) => params]]);
    const { connection, messages } = connect(fakeHandler({ methods }));
    connection.push(bytes('{"id":5,"method":"echo","params":{"a":1}}\n{"id":6,"method":"echo"}\n'));
    await vi.advanceTimersByTimeAsync(0);
    expect(messages()).toEqual([{ hello }, { id: 5, result: { a: 1 } }, { id: 6, result: {} }]);
  });

  it('sends an error of a method as code, subject and advice', async () => {
    const methods = new Map([
      [
        'ping',
        () => {
          throw new CommandError('PEER_NOT_FOUND', 'there is no such peer', { subject: 'x', advice: 'Check.' });
        },
      ],
    ]);
    const { connection, messages } = connect(fakeHandler({ methods }));
    connection.push(bytes('{"id":1,"method":"ping"}\n{"id":2,"method":"toString"}\nrubbish\n'));
    await vi.advanceTimersByTimeAsync(0);
    expect(messages().slice(1)).toMatchObject([
      { id: 1, error: { code: 'PEER_NOT_FOUND', message: 'there is no such peer', subject: 'x', advice: 'Check.' } },
      { id: 2, error: { code: 'BAD_REQUEST', message: 'no method "toString"' } },
      { id: null, error: { code: 'BAD_REQUEST' } },
    ]);
  });

  it('hangs up on a request without end', () => {
    const { connection, peer } = connect();
    connection.push(Buffer.alloc(MAX_CONTROL_REQUEST_BYTES + 1, 0x61));
    expect(peer.ended).toBe(true);
  });

  it('holds at most eight unanswered requests, and aborts them when the client leaves', async () => {
    const signals: AbortSignal[] = [];
    const methods = new Map([
      [
        'wait',
        (_params: unknown, { signal }: { signal: AbortSignal }) => {
          signals.push(signal);
          return new Promise(() => undefined);
        },
      ],
    ]);
    const { connection, messages } = connect(fakeHandler({ methods }));
    for (let id = 1; id <= 9; id++) connection.push(bytes(`{"id":${id},"method":"wait"}\n`));
    await vi.advanceTimersByTimeAsync(0);
    expect(signals).toHaveLength(8);
    expect(messages().at(-1)).toMatchObject({ id: 9, error: { message: 'too many requests at once' } });
    connection.close();
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
  });

  it('watch sends a snapshot at once, at intervals, and soon after a change', async () => {
    const { connection, handler, messages } = connect();
    connection.push(bytes('{"id":1,"method":"watch","params":{"intervalMs":1000}}\n'));
    const events = (): number => messages().length - 1;
    expect(events()).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(events()).toBe(2);
    for (let i = 0; i < 50; i++) handler.change();
    await vi.advanceTimersByTimeAsync(100);
    expect(events()).toBe(3);
  });

  it('a watcher that does not read is skipped, and one that left is forgotten', async () => {
    const { connection, handler, peer, messages } = connect();
    connection.push(bytes('{"id":1,"method":"watch","params":{"intervalMs":0}}\n'));
    peer.backlogBytes = 1;
    const before = messages().length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(messages()).toHaveLength(before);
    peer.backlogBytes = 0;
    await vi.advanceTimersByTimeAsync(100);
    expect(messages()).toHaveLength(before + 1);
    connection.close();
    expect(handler.listeners.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('nothing that a client sends makes it throw', () => {
    const methods = new Map([['status', () => 1]]);
    const line = fc.oneof(
      fc.string().map((text) => `${text}\n`),
      fc.json().map((text) => `${text}\n`),
      fc
        .record({ id: fc.anything(), method: fc.constantFrom('status', 'watch', '__proto__'), params: fc.anything() })
        .map(
          (value) =>
            `${JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? String(item) : item))}\n`,
        ),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(line.map(bytes), fc.uint8Array()), { maxLength: 10 }), (chunks) => {
        const { connection } = connect(fakeHandler({ methods }));
        for (const chunk of chunks) connection.push(chunk);
        connection.close();
      }),
      { numRuns: 500 },
    );
  });
});
