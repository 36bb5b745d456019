import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { socketPath, transportAddress } from '@wirepath/core/plugin';
import type { UdpSocket } from '../../src/index.js';
import { connect, startNode, until, type TestNode } from '../embedded/support.js';

const nodes: TestNode[] = [];
afterEach(async () => {
  await Promise.all(nodes.splice(0).map(({ transport }) => transport.stop()));
});

/** A network of IPv4 sockets in memory, each known by its port. */
class MemoryNetwork {
  readonly sockets = new Map<number, MemorySocket>();

  readonly open = (family: 4 | 6, port: number): Promise<UdpSocket> => {
    if (family === 6) return Promise.reject(Object.assign(new Error('no IPv6 here'), { code: 'EAFNOSUPPORT' }));
    const socket = new MemorySocket(this, port === 0 ? 20_000 + this.sockets.size : port);
    this.sockets.set(socket.port, socket);
    return Promise.resolve(socket);
  };
}

class MemorySocket extends EventEmitter implements UdpSocket {
  constructor(
    readonly network: MemoryNetwork,
    readonly port: number,
  ) {
    super();
  }
  address = () => ({ port: this.port });
  getSendQueueSize = () => 0;
  send(bytes: Uint8Array, port: number, _ip: string, callback: (error: null) => void): void {
    const from = { address: '127.0.0.1', port: this.port };
    const copy = Buffer.from(bytes);
    queueMicrotask(() => {
      this.network.sockets.get(port)?.emit('message', copy, from);
      callback(null);
    });
  }
  close(callback: () => void): void {
    this.network.sockets.delete(this.port);
    callback();
  }
}

describe('sockets of another network than the system\u2019s', () => {
  it('carry everything, extra bases too, and are all closed', async () => {
    const network = new MemoryNetwork();
    const [a, b] = [
      await startNode('10.77.0.1', { openSocket: network.open, listenPort: 51820 }),
      await startNode('10.77.0.2', { openSocket: network.open }),
    ];
    nodes.push(a, b);
    expect(a.transport.listenPort).toBe(51820);
    expect(b.transport.datagrams!.bases.map(({ family }) => family)).toEqual([4]);
    await connect(a, b);
    a.send(b, 'to b');
    b.send(a, 'to a');
    await until(() => a.received.length + b.received.length === 2, 'both packets');

    const extra = await a.transport.datagrams!.openBase(4, { signal: new AbortController().signal });
    a.transport.setPath(b.identity.publicKey, [
      socketPath(extra, transportAddress('127.0.0.1', b.transport.listenPort!)),
    ]);
    a.send(b, 'from another port');
    await until(() => b.received.length === 2, 'the packet over the extra base');
    expect(network.sockets.size).toBe(3);

    await Promise.all([a, b].map(({ transport }) => transport.stop()));
    expect(network.sockets.size).toBe(0);
  });

  it.each([
    ['fe80::1%br_lan', 'an interface whose name node:net does not know'],
    ['fe80::1%wp@0', 'another'],
    ['fe80::1%', 'no zone after all'],
    ['not an address', 'no address'],
    [undefined, 'nothing'],
  ])('survives a datagram from %s: %s', async (address, _what) => {
    const network = new MemoryNetwork();
    const a = await startNode('10.77.0.1', { openSocket: network.open });
    const b = await startNode('10.77.0.2', { openSocket: network.open });
    nodes.push(a, b);
    await connect(a, b);
    const socket = network.sockets.get(b.transport.listenPort!)!;
    for (const bytes of [Buffer.alloc(0), Buffer.of(1), Buffer.from('000100002112a442000102030405060708090a0b', 'hex')])
      socket.emit('message', bytes, { address, port: 4000 });
    a.send(b, 'still here');
    await until(() => b.received.includes('still here'), 'traffic beside it');
    expect(b.guard.counters()).toEqual({});
  });
});
