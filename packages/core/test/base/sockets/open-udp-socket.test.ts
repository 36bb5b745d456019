import { once } from 'node:events';
import type { Socket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { openUdpSocket, type UdpSocketOptions } from '../../../src/base/sockets/open-udp-socket.js';

const opened: Socket[] = [];

async function open(options: UdpSocketOptions): Promise<Socket> {
  const socket = await openUdpSocket(options);
  opened.push(socket);
  return socket;
}

/** Handles of UDP that keep this process alive. */
const openHandles = () => process.getActiveResourcesInfo().filter((name) => name === 'UDPWRAP').length;

afterEach(async () => {
  await Promise.all(opened.splice(0).map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
});

describe('openUdpSocket', () => {
  it('binds the wildcard address and any free port, unless told otherwise', async () => {
    const everywhere = await open({ family: 4 });
    expect(everywhere.address()).toMatchObject({ address: '0.0.0.0', family: 'IPv4' });
    expect(everywhere.address().port).toBeGreaterThan(0);
    const loopback = await open({ family: 4, address: '127.0.0.1' });
    expect(loopback.address().address).toBe('127.0.0.1');
  });

  it('leaves the port of a socket of IPv6 free for one of IPv4', async ({ skip }) => {
    const six = await open({ family: 6 }).catch(() => skip('no IPv6 on this machine'));
    const { port } = six.address();
    await expect(open({ family: 4, port })).resolves.toBeDefined();
  });

  it('sends to literals during the call', async () => {
    const [from, to] = [
      await open({ family: 4, address: '127.0.0.1' }),
      await open({ family: 4, address: '127.0.0.1' }),
    ];
    const received = once(to, 'message') as Promise<[Buffer]>;
    from.send('hello', to.address().port, '127.0.0.1');
    expect(from.getSendQueueCount()).toBe(0);
    expect(String((await received)[0])).toBe('hello');
  });

  it('asks the system for the buffers', async () => {
    const [plain, small] = [await open({ family: 4 }), await open({ family: 4, bufferSizeBytes: 8192 })];
    expect(small.getRecvBufferSize()).toBeLessThan(plain.getRecvBufferSize());
    expect(small.getSendBufferSize()).toBeLessThan(plain.getSendBufferSize());
  });

  it('leaves no listener behind', async () => {
    const socket = await open({ family: 4 });
    expect(socket.listenerCount('error')).toBe(0);
  });

  it.each<[string, (port: number) => UdpSocketOptions, string]>([
    ['a port that is taken', (port) => ({ family: 4, port }), 'EADDRINUSE'],
    ['an address of nobody here', () => ({ family: 4, address: '192.0.2.1' }), 'EADDRNOTAVAIL'],
    ['an address of the other family', () => ({ family: 4, address: '::1' }), 'EINVAL'],
  ])('rejects %s with the system’s error and leaves nothing open', async (_what, options, code) => {
    const { port } = (await open({ family: 4 })).address();
    const before = openHandles();
    await expect(openUdpSocket(options(port))).rejects.toMatchObject({ code });
    expect(openHandles()).toBe(before);
  });
});
