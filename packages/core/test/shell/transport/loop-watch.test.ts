import { encodeStunMessage, transactionKey, transportAddress } from '@wirepath/stun-codec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Datagrams } from '../../../src/contracts/datagrams.js';
import { LoopWatch, type SentRequest } from '../../../src/shell/transport/loop-watch.js';
import { watchedDatagrams } from '../../../src/shell/transport/watched-datagrams.js';

const CHECK: SentRequest = {
  kind: 'check',
  peer: 'B',
  path: { baseId: 'udp4', remote: transportAddress('192.168.77.2', 51820) },
};
const id = (number: number) => Buffer.alloc(12, number);
const message = (transactionId: Uint8Array) =>
  encodeStunMessage({ class: 'request', method: 'binding', transactionId, username: 'a:b', fingerprint: true });

class Watched {
  now = 1000;
  readonly loops: SentRequest[] = [];
  #listener: ((packet: Uint8Array) => void) | undefined;
  readonly watch = new LoopWatch({
    transport: {
      onInnerPacket: (listener) => {
        this.#listener = listener;
        return { [Symbol.dispose]: () => (this.#listener = undefined) };
      },
    },
    clock: { now: () => this.now },
    onLoop: (sent) => void this.loops.push(sent),
  });

  get isListening(): boolean {
    return this.#listener !== undefined;
  }

  /** Comes out of our interface. */
  packet(bytes: Uint8Array): void {
    this.#listener?.(bytes);
  }

  send(transactionId: Uint8Array, sizeBytes = 108): void {
    this.watch.sent(transactionId, CHECK, sizeBytes);
  }
}

describe('our own checks in what comes out of our own interface', () => {
  it('are found at any offset, in whatever they are wrapped', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ maxLength: 64 }),
        (transactionId, before, after) => {
          const one = new Watched();
          one.send(transactionId);
          one.packet(Buffer.concat([before, message(transactionId), after]));
          return one.loops.length === 1 && one.loops[0] === CHECK;
        },
      ),
    );
  });

  it('are told once', () => {
    const one = new Watched();
    one.send(id(1));
    one.packet(message(id(1)));
    one.packet(message(id(1)));
    expect(one.loops).toEqual([CHECK]);
  });

  it('are not mistaken for those of others', () => {
    const one = new Watched();
    one.send(id(1));
    one.packet(message(id(2)));
    one.packet(id(1));
    expect(one.loops).toEqual([]);
  });

  it('are looked for while they are out: not before, not after the answer, and for a second at most', () => {
    const one = new Watched();
    expect(one.isListening).toBe(false);
    one.send(id(1));
    one.send(id(2));
    one.watch.answered(transactionKey(id(1)));
    expect(one.isListening).toBe(true);
    one.watch.answered(transactionKey(id(2)));
    expect(one.isListening).toBe(false);
    one.send(id(3));
    one.now += 1001;
    one.packet(message(id(3)));
    expect([one.isListening, one.loops]).toEqual([false, []]);
  });

  it('cost the transport nothing where it cannot see the packets', () => {
    const watch = new LoopWatch({ transport: {}, clock: { now: () => 0 }, onLoop: () => undefined });
    watch.sent(id(1), CHECK, 108);
    expect(watch.answered(transactionKey(id(1)))).toBeUndefined();
  });

  it('are found after a few false cookies, and a packet full of them costs little', () => {
    const cookie = Buffer.of(0x21, 0x12, 0xa4, 0x42);
    const one = new Watched();
    one.send(id(1));
    one.packet(Buffer.concat([cookie, cookie, message(id(1))]));
    expect(one.loops).toHaveLength(1);
    one.send(id(2));
    const packets = Array.from({ length: 10_000 }, () => Buffer.alloc(1024, cookie));
    const startedAt = performance.now();
    for (const packet of packets) one.packet(packet);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect(one.loops).toHaveLength(1);
  });

  it('survive packets of every kind and size', () => {
    const one = new Watched();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500 }), fc.boolean(), (bytes, endsInCookie) => {
        one.send(id(1));
        one.packet(endsInCookie ? Buffer.concat([bytes, Buffer.of(0x21, 0x12, 0xa4, 0x42)]) : bytes);
      }),
    );
    one.packet(new Uint8Array(65_535));
    expect(one.loops).toEqual([]);
  });

  it('are forgotten, oldest first, where there are very many', () => {
    const one = new Watched();
    const many = Array.from({ length: 5000 }, (_, number) => {
      const transactionId = Buffer.alloc(12);
      transactionId.writeUInt32BE(number);
      return transactionId;
    });
    for (const transactionId of many) one.send(transactionId);
    for (const transactionId of many) one.packet(message(transactionId));
    expect(one.loops).toHaveLength(2048);
  });
});

describe('what could be a check, wrapped so that nothing of it shows', () => {
  it('is told with the answer: by how much it was larger, each number once', () => {
    const one = new Watched();
    one.send(id(1), 160);
    for (const size of [160, 199, 252, 252, 560, 561, 1420]) one.packet(new Uint8Array(size));
    expect(one.watch.answered(transactionKey(id(1)))).toEqual([92, 400]);
  });

  it('came out between the check and its answer', () => {
    const one = new Watched();
    one.send(id(1), 160);
    one.packet(new Uint8Array(252));
    one.now += 1;
    one.send(id(2), 160);
    expect(one.watch.answered(transactionKey(id(2)))).toEqual([]);
    expect(one.watch.answered(transactionKey(id(1)))).toEqual([92]);
  });
});

describe('the sockets as sources and relays get them', () => {
  const path = (ip: string) =>
    ({
      kind: 'socket',
      base: { id: 'udp4', family: 4, port: 1, shared: true },
      remote: transportAddress(ip, 3478),
    }) as const;

  it('tell of every request that is sent, and of nothing else', () => {
    const sent: Uint8Array[] = [];
    const told: string[] = [];
    const inner = { send: (_to: unknown, bytes: Uint8Array) => void sent.push(bytes) } as unknown as Datagrams;
    const datagrams = watchedDatagrams(inner, (transactionId, server, sizeBytes) =>
      told.push(`${transactionKey(transactionId)} ${server.ip} ${sizeBytes}`),
    );
    const request = message(id(7));
    const others = [
      encodeStunMessage({ class: 'indication', method: 'send', transactionId: id(8) }),
      encodeStunMessage({ class: 'success', method: 'binding', transactionId: id(9) }),
      Buffer.of(0x40, 0, 0, 0),
      Buffer.from('00000000000000000000000000000000', 'hex'),
      Buffer.alloc(0),
    ];
    for (const bytes of [request, ...others]) datagrams.send(path('192.0.2.9'), bytes);
    expect(told).toEqual([`${transactionKey(id(7))} 192.0.2.9 ${request.length}`]);
    expect(sent).toEqual([request, ...others]);
  });
});
