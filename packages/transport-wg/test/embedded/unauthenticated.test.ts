import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { UdpSocket } from '../../src/index.js';
import { InProcessPort } from '../../src/inner/in-process-port.js';
import { CookieGenerator } from '../../src/protocol/cookie.js';
import { defaultAead } from '../../src/protocol/crypto-self-test.js';
import { parseKey } from '../../src/protocol/keys.js';
import { INITIATION_BYTES, MESSAGE_COOKIE_REPLY, messageType } from '../../src/protocol/messages.js';
import { connect, startNode, until, type TestNode } from './support.js';

const nodes: TestNode[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(nodes.splice(0).map(({ transport }) => transport.stop()));
});

/** IPv4 sockets in memory, each known by its port; datagrams may be said to come from anywhere. */
class SpoofableNetwork {
  readonly #sockets = new Map<number, EventEmitter>();
  /** Sent to addresses that nobody has. */
  readonly lost: Uint8Array[] = [];

  readonly open = (family: 4 | 6): Promise<UdpSocket> => {
    if (family === 6) return Promise.reject(Object.assign(new Error('no IPv6 here'), { code: 'EAFNOSUPPORT' }));
    const port = 20_000 + this.#sockets.size;
    const events = new EventEmitter();
    this.#sockets.set(port, events);
    const socket = Object.assign(events, {
      address: () => ({ port }),
      getSendQueueSize: () => 0,
      send: (bytes: Uint8Array, to: number, ip: string, callback: (error: null) => void) => {
        if (ip === '127.0.0.1') this.inject(to, Buffer.from(bytes), { address: ip, port });
        else this.lost.push(Uint8Array.from(bytes));
        queueMicrotask(() => callback(null));
      },
      close: (callback: () => void) => callback(),
    });
    return Promise.resolve(socket);
  };

  inject(to: number, bytes: Uint8Array, from: { address: string; port: number }): void {
    queueMicrotask(() => this.#sockets.get(to)?.emit('message', Buffer.from(bytes), from));
  }
}

/** Initiations that anyone can make who knows the public key: a valid mac1 over nothing. */
function* initiationsFor(publicKey: string): Generator<Uint8Array> {
  const generator = new CookieGenerator(defaultAead(), parseKey(publicKey)!);
  for (;;) {
    const datagram = Buffer.concat([Buffer.of(1, 0, 0, 0), randomBytes(INITIATION_BYTES - 4)]);
    generator.addMacs(datagram, 0);
    yield datagram;
  }
}

describe('datagrams from forged sources', () => {
  it('are answered with a cookie, and cause no look at routes, while honest peers lose nothing', async () => {
    const network = new SpoofableNetwork();
    const [a, b] = [
      await startNode('10.77.0.1', { openSocket: network.open }),
      await startNode('10.77.0.2', { openSocket: network.open }),
    ];
    nodes.push(a, b);
    await connect(a, b);
    const endpoints = vi.spyOn(InProcessPort.prototype, 'addEndpoint');
    const initiations = initiationsFor(b.identity.publicKey);
    const port = b.transport.listenPort!;
    for (let i = 0; i < 2000; i++) {
      const from = { address: `198.18.${i >> 8}.${i & 255}`, port: 1 + i };
      network.inject(port, initiations.next().value as Uint8Array, from);
      if (i % 100 === 0) a.send(b, `good ${i}`);
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => b.received.length === 20, 'the honest traffic');
    const cookies = network.lost.filter((bytes) => messageType(bytes) === MESSAGE_COOKIE_REPLY);
    expect(cookies.length).toBeGreaterThan(1000);
    expect(cookies).toHaveLength(b.transport.counters()['wireguard.cookie'] ?? 0);
    expect((endpoints.mock.calls as unknown[][]).filter(([ip]) => String(ip).startsWith('198.18.'))).toEqual([]);
  });

  it('of every other kind cause none either', async () => {
    const network = new SpoofableNetwork();
    const b = await startNode('10.77.0.2', { openSocket: network.open });
    nodes.push(b);
    const endpoints = vi.spyOn(InProcessPort.prototype, 'addEndpoint');
    const routes = vi.spyOn(InProcessPort.prototype, 'setRouted');
    const stun = (type: number) =>
      Buffer.concat([Buffer.of(type >> 8, type & 255, 0, 0), Buffer.from('2112a442', 'hex'), randomBytes(12)]);
    const kinds = [
      stun(0x0001),
      stun(0x0101),
      stun(0x0111),
      Buffer.from('40010004deadbeef', 'hex'),
      Buffer.concat([Buffer.of(2, 0, 0, 0), randomBytes(88)]),
      Buffer.concat([Buffer.of(3, 0, 0, 0), randomBytes(60)]),
      Buffer.concat([Buffer.of(4, 0, 0, 0), randomBytes(60)]),
      Buffer.of(0),
    ];
    for (const [i, bytes] of kinds.entries()) {
      network.inject(b.transport.listenPort!, bytes, { address: `198.18.0.${i}`, port: 9 });
    }
    await until(() => Object.values(b.transport.counters()).reduce((sum, n) => sum + n, 0) === kinds.length, 'all');
    expect(network.lost).toEqual([]);
    expect([endpoints.mock.calls, routes.mock.calls]).toEqual([[], []]);
  });
});

describe('many peers', () => {
  it('one that comes or goes changes its own routes only, and a change that is none changes nothing', async () => {
    const node = await startNode('10.77.0.1');
    nodes.push(node);
    const routes = vi.spyOn(InProcessPort.prototype, 'setRouted');
    const peer = (i: number) => ({
      publicKey: Buffer.concat([Buffer.alloc(28, 9), Buffer.of(i >> 8, i & 255, 7, 9)]).toString('base64'),
      allowedIps: [`10.78.${i >> 8}.${i & 255}/32`],
    });
    for (let i = 0; i < 1000; i++) node.transport.addPeer(peer(i));
    expect(routes).toHaveBeenCalledTimes(1000);
    routes.mockClear();
    for (let i = 0; i < 1000; i++) node.transport.addPeer(peer(i));
    expect(routes).not.toHaveBeenCalled();
    node.transport.removePeer(peer(500).publicKey);
    expect(routes.mock.calls).toEqual([['10.78.1.244/32', false]]);
    routes.mockClear();
    node.transport.addPeer({ ...peer(501), allowedIps: ['10.78.1.244/32', '10.78.1.245/32'] });
    expect(routes.mock.calls).toEqual([['10.78.1.244/32', true]]);
    expect(node.transport.stats()).toHaveLength(999);
  });
});
