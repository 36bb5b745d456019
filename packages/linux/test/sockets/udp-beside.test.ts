import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { openUdpBeside } from '../../src/sockets/udp-beside.js';

const opened: Socket[] = [];

async function bound(ip: string, options: { reuseAddr?: boolean; reusePort?: boolean; port?: number } = {}) {
  const { port = 0, ...kind } = options;
  const socket = createSocket({ type: ip.includes(':') ? 'udp6' : 'udp4', ipv6Only: ip.includes(':'), ...kind });
  opened.push(socket);
  socket.bind({ address: ip, port, exclusive: true });
  await once(socket, 'listening');
  return socket;
}

function beside(wildcard: Socket, address: number[]): Socket {
  const socket = openUdpBeside(wildcard, Uint8Array.from(address), { bufferSizeBytes: 1 << 16 });
  opened.push(socket);
  return socket;
}

afterEach(() => {
  for (const socket of opened.splice(0)) socket.close();
});

const linux = process.platform === 'linux' ? describe : describe.skip;

linux('a socket at one address, beside the wildcard', () => {
  it('gets what arrives for its address, and answers from there', async () => {
    const wildcard = await bound('0.0.0.0');
    const { port } = wildcard.address();
    const second = beside(wildcard, [127, 0, 0, 2]);
    expect(second.address()).toMatchObject({ address: '127.0.0.2', port });
    const client = await bound('127.0.0.1');
    for (const [socket, name] of [
      [wildcard, 'wildcard'],
      [second, 'second'],
    ] as const)
      socket.on('message', (_, from) => socket.send(name, from.port, from.address));

    client.send('?', port, '127.0.0.2');
    expect(await once(client, 'message')).toMatchObject([Buffer.from('second'), { address: '127.0.0.2' }]);
    client.send('?', port, '127.0.0.3');
    expect(await once(client, 'message')).toMatchObject([Buffer.from('wildcard'), { address: '127.0.0.1' }]);
  });

  it('can be closed and opened again', async () => {
    const wildcard = await bound('0.0.0.0');
    const first = openUdpBeside(wildcard, Uint8Array.of(127, 0, 0, 2));
    first.close();
    await once(first, 'close');
    expect(beside(wildcard, [127, 0, 0, 2]).address().address).toBe('127.0.0.2');
  });

  it.each([
    ['its address', '127.0.0.2'],
    ['the wildcard', '0.0.0.0'],
    ['another address', '127.0.0.3'],
  ])('nobody else can share the port: %s', async (_what, ip) => {
    const wildcard = await bound('0.0.0.0');
    const { port } = wildcard.address();
    beside(wildcard, [127, 0, 0, 2]);
    const failure = (socket: Socket) => {
      opened.push(socket);
      socket.bind({ address: ip, port, exclusive: true });
      return once(socket, 'listening').then(
        () => 'shared',
        (error: NodeJS.ErrnoException) => error.code,
      );
    };
    expect(await failure(createSocket('udp4'))).toBe('EADDRINUSE');
    expect(await failure(createSocket({ type: 'udp4', reuseAddr: true }))).toBe('EADDRINUSE');
    // SO_REUSEPORT, as another process of ours would set it.
    expect(await failure(createSocket({ type: 'udp4', reusePort: true } as never))).toBe('EADDRINUSE');
  });

  it('an address that no interface has is EADDRNOTAVAIL, and leaves no descriptor', async () => {
    const wildcard = await bound('0.0.0.0');
    expect(() => openUdpBeside(wildcard, Uint8Array.of(192, 0, 2, 77))).toThrowError(
      expect.objectContaining({
        code: 'EADDRNOTAVAIL',
        message: 'cannot bind a UDP socket: no interface has this address',
      }),
    );
    expect(() => openUdpBeside(createSocket('udp4'), Uint8Array.of(127, 0, 0, 2))).toThrowError(
      expect.objectContaining({ code: 'EBADF' }),
    );
  });

  it('IPv6 as well', async () => {
    const wildcard = await bound('::').catch(() => undefined);
    if (wildcard === undefined) return console.log('skipped: no IPv6 here');
    const loopback = [...new Array<number>(15).fill(0), 1];
    try {
      expect(beside(wildcard, loopback).address()).toMatchObject({ address: '::1', port: wildcard.address().port });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error;
      console.log('skipped: no ::1 here');
    }
  });
});
