import { encodeStunMessage, type StunMessageFields } from '@wirepath/stun-codec';
import { SeededRandom } from '@wirepath/testkit';
import { describe, expect, it } from 'vitest';
import { StunClient, type BindingOutcome, type BindingRequest } from '../src/stun-client.js';
import { requestSchedule } from '../src/schedules.js';
import { MemoryDatagrams, MemoryInternet } from './memory-internet.js';
import { at, MemoryStunServer } from './memory-stun-server.js';

const SERVER = '203.0.113.10:3478';

function setUp() {
  const internet = new MemoryInternet();
  const datagrams = new MemoryDatagrams(internet);
  const client = new StunClient({ datagrams, clock: internet.clock, random: new SeededRandom(7) });
  const { signal } = new AbortController();
  const request = (more: Partial<BindingRequest> = {}) =>
    client.request({ base: datagrams.base, server: at(SERVER), signal, ...more });
  return { internet, datagrams, client, request };
}

async function settled(internet: MemoryInternet, outcome: Promise<BindingOutcome>): Promise<BindingOutcome> {
  let done = false;
  void outcome.then(() => (done = true));
  for (let i = 0; !done && i < 20_000; i += 1) await internet.clock.advance(5);
  return outcome;
}

describe('a Binding request', () => {
  it('is sent again at doubling intervals from 500 ms on (RFC 8489, 6.2.1), always the same, and given up after 5 s', async () => {
    const { internet, request } = setUp();
    expect(await settled(internet, request())).toEqual({ kind: 'silent' });
    expect(internet.sent.map(({ atMs }) => atMs)).toEqual([0, 500, 1500, 3500]);
    expect(new Set(internet.sent.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).size).toBe(1);
    expect(internet.clock.now()).toBe(5000);
    expect(internet.clock.pendingTimers).toBe(0);
  });

  it.each([
    { rttMs: undefined, sends: [0, 500, 1500, 3500] },
    { rttMs: 1, sends: [0, 100, 300, 700, 1500, 3100] },
    { rttMs: 100, sends: [0, 300, 900, 2100] },
    { rttMs: 2000, sends: [0, 1000, 3000] },
  ])('begins with three round trips where one is known (RFC 6298): $rttMs ms', async ({ rttMs, sends }) => {
    const { internet, request } = setUp();
    await settled(internet, request({ schedule: requestSchedule(rttMs) }));
    expect(internet.sent.map(({ atMs }) => atMs)).toEqual(sends);
    expect(internet.clock.now()).toBe(5000);
  });

  it('knows the round trip only where it was sent once (Karn)', async () => {
    const { internet, request } = setUp();
    new MemoryStunServer(internet, SERVER);
    expect(await settled(internet, request())).toMatchObject({ kind: 'answered', rttMs: 20 });
    let lost = 0;
    internet.loses = () => lost++ === 0;
    expect(await settled(internet, request())).toMatchObject({ kind: 'answered', rttMs: undefined });
  });

  it('bears a FINGERPRINT, and a transaction id of its own', async () => {
    const { internet, request } = setUp();
    const server = new MemoryStunServer(internet, SERVER);
    await settled(internet, request());
    await settled(internet, request());
    expect(server.requests.map(({ message }) => message.verifyFingerprint())).toEqual([true, true]);
    expect(new Set(server.requests.map(({ message }) => message.transactionKey)).size).toBe(2);
  });

  it('waits for no answer when it is aborted, or its client disposed of, before or meanwhile', async () => {
    const { internet, datagrams, client, request } = setUp();
    expect(await request({ signal: AbortSignal.abort() })).toEqual({ kind: 'aborted' });
    expect(internet.sent).toEqual([]);
    const controller = new AbortController();
    const first = request({ signal: controller.signal });
    controller.abort();
    expect(await first).toEqual({ kind: 'aborted' });
    const second = request();
    client[Symbol.dispose]();
    expect(await second).toEqual({ kind: 'aborted' });
    expect(await request()).toEqual({ kind: 'aborted' });
    expect(datagrams.listenerCount).toBe(0);
    // Two datagrams are on their way.
    expect(internet.clock.pendingTimers).toBe(2);
  });

  it('hears an answer that came while the process was too busy to look', async () => {
    const { internet, datagrams, request } = setUp();
    const schedule = { rtoMs: 100, maxAttempts: 1, finalWaitFactor: 1 };
    const outcome = request({ schedule });
    const [sent] = internet.sent;
    // As after a long turn of the event loop: the timer first, then the socket.
    await internet.clock.advance(99);
    internet.clock.setTimeout(() => {
      const bytes = answerTo(sent?.bytes);
      queueMicrotask(() => datagrams.receive({ kind: 'socket', base: datagrams.base, remote: at(SERVER) }, bytes));
    }, 1);
    expect(await settled(internet, outcome)).toMatchObject({ kind: 'answered' });
  });

  it('is answered by nothing but its answer', async () => {
    const { internet, datagrams, client, request } = setUp();
    const outcome = request();
    const [sent] = internet.sent;
    const path = { kind: 'socket', base: datagrams.base, remote: at(SERVER) } as const;
    const other = await datagrams.openBase(4, { signal: new AbortController().signal });
    const corrupt = answerTo(sent?.bytes);
    corrupt[corrupt.length - 1] = (corrupt.at(-1) ?? 0) ^ 1;
    const cases: readonly (readonly [Uint8Array, typeof path])[] = [
      [answerTo(sent?.bytes, { transactionId: Buffer.alloc(12, 9) }), path],
      [answerTo(sent?.bytes, { class: 'indication' }), path],
      [answerTo(sent?.bytes, { class: 'request' }), path],
      [answerTo(sent?.bytes, { method: 'allocate' }), path],
      [answerTo(sent?.bytes), { ...path, remote: at('203.0.113.10:3479') }],
      [answerTo(sent?.bytes), { ...path, remote: at('203.0.113.66:3478') }],
      [answerTo(sent?.bytes), { ...path, base: other }],
      [corrupt, path],
      ...[0, 1, 3, 19, 20, 1500].map((length) => [Buffer.alloc(length, 1), path] as const),
    ];
    for (const [bytes, from] of cases) datagrams.receive(from, bytes);
    let done = false;
    void outcome.then(() => (done = true));
    await internet.clock.advance(0);
    expect(done).toBe(false);
    expect(client.drops.snapshot()).toEqual({
      'stun-answer.from-elsewhere': 3,
      'stun-answer.malformed': 1,
      'stun-answer.unusable': 0,
    });
    datagrams.receive(path, answerTo(sent?.bytes));
    expect(await outcome).toMatchObject({ kind: 'answered', mapped: at('198.51.100.2:51820') });
  });

  it('throws nothing out of the socket handler, and keeps waiting, with 50,000 mutated answers', () => {
    const { internet, datagrams, request } = setUp();
    void request();
    const random = new SeededRandom(3);
    const good = answerTo(internet.sent[0]?.bytes, { otherAddress: at('203.0.113.11:3479') });
    const path = { kind: 'socket', base: datagrams.base, remote: at('203.0.113.77:3478') } as const;
    for (let i = 0; i < 50_000; i += 1) {
      const bytes = Buffer.from(good);
      const [where = 0, what = 0, more = 0] = random.bytes(3);
      bytes[where % bytes.length] = what;
      if (more & 1) bytes[more % bytes.length] = where;
      datagrams.receive(path, more < 10 ? bytes.subarray(0, where % bytes.length) : bytes);
    }
  });
});

function answerTo(request: Uint8Array | undefined, fields: Partial<StunMessageFields> = {}): Buffer {
  return encodeStunMessage({
    class: 'success',
    method: 'binding',
    transactionId: Buffer.from(request ?? []).subarray(8, 20),
    mappedAddress: at('198.51.100.2:51820'),
    fingerprint: true,
    ...fields,
  });
}
