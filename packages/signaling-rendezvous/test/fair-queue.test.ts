import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from '../src/protocol/fair-queue.js';
import { Outflow } from '../src/protocol/outflow.js';
import { PongTurn } from '../src/protocol/pong-turn.js';

const frame = (from: string, sizeBytes = 100) => ({ from, bytes: new Uint8Array(sizeBytes) });
const OVERHEAD = 128;

describe('fair queue', () => {
  it('a frame behind another sender’s flood waits for one of its frames, not for all', () => {
    const queue = new FairQueue();
    for (let i = 0; i < 1000; i++) queue.put(frame('flood'), ['a', 'flood']);
    queue.put(frame('honest'), ['b', 'honest']);
    expect([queue.next()?.from, queue.next()?.from]).toEqual(['flood', 'honest']);
  });

  it('many senders of one block have one turn together', () => {
    const queue = new FairQueue();
    for (let i = 0; i < 1000; i++) queue.put(frame(`flood ${i}`), ['a', `flood ${i}`]);
    queue.put(frame('honest'), ['b', 'honest']);
    expect([queue.next()?.from, queue.next()?.from]).toContain('honest');
  });

  it('keeps the order of each sender', () => {
    const queue = new FairQueue();
    for (let i = 1; i <= 5; i++) for (const from of ['a', 'b']) queue.put(frame(from, i), [from]);
    const order: Record<string, number[]> = { a: [], b: [] };
    for (let next = queue.next(); next; next = queue.next()) order[next.from ?? '']?.push(next.bytes.length);
    expect(order).toEqual({ a: [1, 2, 3, 4, 5], b: [1, 2, 3, 4, 5] });
  });

  it('drops of whoever has the most, the oldest first', () => {
    const queue = new FairQueue();
    for (let i = 1; i <= 5; i++) queue.put(frame('flood', i), ['a', 'flood']);
    queue.put(frame('honest', 300), ['b', 'honest']);
    expect(queue.dropFromLargest()).toMatchObject({ from: 'flood', bytes: new Uint8Array(1) });
  });

  it('counts right, whatever happens, and is empty in the end', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const put = fc.record({ path: fc.tuple(name, name), sizeBytes: fc.nat({ max: 50 }) });
    const step = fc.oneof(put, fc.constantFrom('next', 'drop'));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const queue = new FairQueue();
        let costBytes = 0;
        for (const each of steps) {
          if (typeof each === 'object') {
            queue.put(frame(each.path.join(), each.sizeBytes), each.path);
            costBytes += each.sizeBytes + OVERHEAD;
          } else {
            const taken = each === 'next' ? queue.next() : queue.dropFromLargest();
            costBytes -= taken ? taken.bytes.length + OVERHEAD : 0;
          }
          expect(queue.costBytes).toBe(costBytes);
        }
        while (queue.next());
        expect([queue.costBytes, queue.dropFromLargest()]).toEqual([0, undefined]);
      }),
    );
  });
});

describe('outflow', () => {
  const PATH = ['a'];

  it('gives the socket a little at a time, and the rest as the kernel takes that', () => {
    const outflow = new Outflow();
    const given = Array.from({ length: 10 }, () => outflow.put(frame('a', 16_000), PATH, 1e6, 0).give).flat();
    expect(given).toHaveLength(3);
    expect(outflow.heldBytes).toBe(10 * 16_000 + 7 * OVERHEAD);
    expect(outflow.taken(16_000, 0)).toHaveLength(1);
    expect(outflow.heldBytes).toBe(9 * 16_000 + 6 * OVERHEAD);
  });

  it('is stuck for as long as nothing worth it is taken, be it ever so full or empty', () => {
    const outflow = new Outflow();
    expect(outflow.stuckMs(5000)).toBe(0);
    for (let i = 0; i < 40; i++) outflow.put(frame('a', 1000), PATH, 1e6, 5000);
    expect(outflow.stuckMs(8000)).toBe(3000);
    // Byte by byte is no progress.
    for (let i = 0; i < 15; i++) outflow.taken(1000, 9000);
    expect(outflow.stuckMs(9000)).toBe(4000);
    outflow.taken(2000, 9000);
    expect(outflow.stuckMs(9000)).toBe(0);
    for (let i = 0; i < 24; i++) outflow.taken(1000, 10_000);
    expect([outflow.heldBytes, outflow.stuckMs(60_000)]).toEqual([0, 0]);
  });

  it('never holds more than it may, and tells of every frame that it drops', () => {
    const step = fc.oneof(fc.tuple(fc.constantFrom('a', 'b'), fc.nat({ max: 3000 })), fc.constant('taken'));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const outflow = new Outflow();
        const under: number[] = [];
        let [put, given, dropped] = [0, 0, 0];
        for (const each of steps) {
          const sizeBytes = each === 'taken' ? under.shift() : undefined;
          let give: readonly { bytes: Uint8Array }[] = [];
          if (each !== 'taken') {
            const result = outflow.put(frame(each[0], each[1]), [each[0]], 50_000, 0);
            give = result.give;
            put += 1;
            dropped += result.dropped.length;
          } else if (sizeBytes !== undefined) give = outflow.taken(sizeBytes, 0);
          given += give.length;
          under.push(...give.map(({ bytes }) => bytes.length));
          expect(outflow.heldBytes).toBeLessThanOrEqual(50_000);
        }
        expect(given + dropped + outflow.discard().length).toBe(put);
      }),
    );
  });
});

describe('pong turn', () => {
  it('answers one ping at a time, and then the newest', () => {
    const turn = new PongTurn();
    expect(turn.pinged(Buffer.from('1'))).toEqual(Buffer.from('1'));
    expect([turn.pinged(Buffer.from('2')), turn.pinged(Buffer.from('3'))]).toEqual([undefined, undefined]);
    expect(turn.ponged()).toEqual(Buffer.from('3'));
    expect(turn.ponged()).toBeUndefined();
    expect(turn.pinged(Buffer.from('4'))).toEqual(Buffer.from('4'));
  });
});
