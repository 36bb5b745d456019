import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UdpSocket } from '../../src/index.js';
import { connect, startNode, until } from '../embedded/support.js';

type Fate = 'deliver' | 'lose' | 'duplicate' | 'delay' | 'corrupt' | 'cut';
const FATES: readonly Fate[] = ['deliver', 'lose', 'duplicate', 'delay', 'corrupt', 'cut'];

/** IPv4 sockets in memory, and what becomes of the datagrams between them: by turns, as told; all arrive once that is used up. */
class BadNetwork {
  readonly sockets = new Map<number, BadSocket>();
  fates: { readonly fate: Fate; readonly at: number }[] = [];
  readonly done = { lose: 0, duplicate: 0, delay: 0, corrupt: 0, cut: 0, deliver: 0 };
  #delayed: (() => void)[] = [];

  readonly open = (family: 4 | 6, port: number): Promise<UdpSocket> => {
    if (family === 6) return Promise.reject(Object.assign(new Error('no IPv6 here'), { code: 'EAFNOSUPPORT' }));
    const socket = new BadSocket(this, port === 0 ? 20_000 + this.sockets.size : port);
    this.sockets.set(socket.port, socket);
    return Promise.resolve(socket);
  };

  carry(bytes: Buffer, from: number, to: number): void {
    const { fate, at } = this.fates.shift() ?? { fate: 'deliver' as const, at: 0 };
    this.done[fate]++;
    const arrive = (what: Buffer) => () =>
      this.sockets.get(to)?.emit('message', Buffer.from(what), { address: '127.0.0.1', port: from });
    if (fate === 'lose') return;
    if (fate === 'delay') return void this.#delayed.push(arrive(bytes));
    if (fate === 'cut') return queueMicrotask(arrive(bytes.subarray(0, at % bytes.length)));
    if (fate === 'corrupt') {
      const damaged = Buffer.from(bytes);
      damaged[at % bytes.length]! ^= 1 << (at % 8);
      return queueMicrotask(arrive(damaged));
    }
    queueMicrotask(arrive(bytes));
    if (fate === 'duplicate') queueMicrotask(arrive(bytes));
  }

  /** Those that were held back, the last of them first. */
  release(): void {
    for (const arrive of this.#delayed.splice(0).reverse()) arrive();
  }
}

class BadSocket extends EventEmitter implements UdpSocket {
  constructor(
    readonly network: BadNetwork,
    readonly port: number,
  ) {
    super();
  }
  address = () => ({ port: this.port });
  getSendQueueSize = () => 0;
  send(bytes: Uint8Array, port: number, _ip: string, callback: (error: null) => void): void {
    this.network.carry(Buffer.from(bytes), this.port, port);
    callback(null);
  }
  close(callback: () => void): void {
    this.network.sockets.delete(this.port);
    callback();
  }
}

describe('a network that loses, doubles, reorders, damages and cuts datagrams', () => {
  it('never has a wrong packet delivered, nor one twice, and each is counted', { timeout: 60_000 }, async () => {
    const fates = fc.array(fc.record({ fate: fc.constantFrom(...FATES), at: fc.nat(2000) }), {
      minLength: 20,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(fates, async (told) => {
        const network = new BadNetwork();
        const a = await startNode('10.77.0.1', { openSocket: network.open });
        const b = await startNode('10.77.0.2', { openSocket: network.open });
        try {
          await connect(a, b);
          a.send(b, 'before');
          await until(() => b.received.length === 1, 'a good session');
          network.fates = [...told];
          for (const key of FATES) network.done[key] = 0;
          const texts = told.map((_fate, i) => `packet ${i}`);
          for (const text of texts) a.send(b, text);
          await until(() => network.fates.length === 0, 'all fates');
          const { done } = network;
          network.release();
          a.send(b, 'last');
          await until(() => b.received.includes('last'), 'the session, alive');
          const heard = b.received.filter((text) => text.startsWith('packet'));
          expect(new Set(heard).size).toBe(heard.length);
          expect([...heard].sort()).toEqual(texts.filter((_text, i) => isWhole(told[i]!.fate)).sort());
          const dropped = Object.entries(b.transport.counters())
            .filter(([, count]) => count > 0)
            .reduce((sum, [, count]) => sum + count, 0);
          expect(dropped).toBe(done.duplicate + done.corrupt + done.cut);
          expect(b.transport.counters()['wireguard.replay'] ?? 0).toBe(done.duplicate);
          expect([a.guard.counters(), b.guard.counters()]).toEqual([{}, {}]);
        } finally {
          await Promise.all([a.transport.stop(), b.transport.stop()]);
        }
      }),
      { numRuns: 25 },
    );
  });
});

function isWhole(fate: Fate): boolean {
  return fate === 'deliver' || fate === 'duplicate' || fate === 'delay';
}
