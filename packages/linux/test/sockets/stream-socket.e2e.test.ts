import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStreamSocket, SystemCallError } from '../../src/index.js';
import { socketDescriptor } from '../../src/sockets/socket-descriptor.js';

const isLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;

describe.skipIf(!isLinux)('a TCP socket that is made before it is connected', () => {
  const servers = ['127.0.0.1', '::1'].map((host) => ({ host, server: createServer((socket) => socket.pipe(socket)) }));

  beforeAll(async () => {
    for (const { host, server } of servers) await once(server.listen(0, host), 'listening');
  });
  afterAll(() => {
    for (const { server } of servers) server.close();
  });

  it.each([
    { family: 4, host: '127.0.0.1' },
    { family: 6, host: '::1' },
  ] as const)('connects and carries bytes over IPv$family', async ({ family, host }) => {
    const { port } = servers.find((one) => one.host === host)?.server.address() as AddressInfo;
    const socket = openStreamSocket({ family });
    expect(socketDescriptor(socket)).toBeGreaterThan(2);
    socket.connect({ host, port });
    await once(socket, 'connect');
    socket.write('ping');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(String(bytes)).toBe('ping');
    socket.end();
    await once(socket, 'close');
  });

  it('fails as any other where nobody listens, and is closed then', async () => {
    const socket = openStreamSocket({ family: 4 });
    const fd = socketDescriptor(socket) ?? -1;
    const link = readlinkSync(`/proc/self/fd/${fd}`);
    socket.connect({ host: '127.0.0.1', port: 1 });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    if (!socket.closed) await once(socket, 'close');
    expect(linkOf(fd)).not.toBe(link);
  });

  it.skipIf(!isRoot)('bears the mark that it was asked for', () => {
    const socket = openStreamSocket({ family: 4, mark: 0x57 });
    expect(socketDescriptor(socket)).toBeGreaterThan(2);
    socket.destroy();
  });

  it.skipIf(isRoot)('cannot be marked without the right, and is closed then', () => {
    expect(() => openStreamSocket({ family: 4, mark: 0x57 })).toThrow(SystemCallError);
  });
});

function linkOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}
