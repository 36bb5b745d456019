import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { constants } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import type { Libc } from '../../src/libc/libc.js';
import { pinToInterface } from '../../src/sockets/pin-to-interface.js';
import { socketDescriptor } from '../../src/sockets/socket-descriptor.js';

const { EPERM, EACCES, ENODEV, EINVAL } = constants.errno;

const open: Socket[] = [];
afterEach(() => open.splice(0).forEach((socket) => socket.close()));

async function boundSocket(type: 'udp4' | 'udp6' = 'udp4'): Promise<Socket> {
  const socket = createSocket(type);
  open.push(socket);
  socket.bind(0, type === 'udp4' ? '127.0.0.1' : '::1');
  await once(socket, 'listening');
  return socket;
}

/** A C library that notes what it is asked, and fails with `errno`. */
function fakeLibc(errno = 0, interfaceIndex = 7) {
  const calls: { fd: number; level: number; option: number; value: number[]; sizeBytes: number }[] = [];
  const unused = () => -1;
  const libc: Libc = {
    setsockopt(fd, level, option, value, sizeBytes) {
      calls.push({ fd, level, option, value: [...value], sizeBytes });
      return errno === 0 ? 0 : -1;
    },
    if_nametoindex: () => interfaceIndex,
    errno: () => errno,
    socket: unused,
    bind: unused,
    dup2: unused,
    close: unused,
  };
  return { calls, libc: () => libc };
}

const errno = (code: string): unknown => expect.objectContaining({ name: 'SystemCallError', code });

describe('pinning a socket to an interface', () => {
  it('is SO_BINDTODEVICE on Linux, with the name as a C string', async () => {
    const socket = await boundSocket();
    const { calls, libc } = fakeLibc();
    pinToInterface(socket, 'eth0', { platform: 'linux', libc });
    expect(calls).toEqual([
      { fd: socketDescriptor(socket), level: 1, option: 25, value: [...Buffer.from('eth0\0')], sizeBytes: 5 },
    ]);
  });

  it('is IP_BOUND_IF on macOS, with the index', async () => {
    const { calls, libc } = fakeLibc();
    pinToInterface(await boundSocket(), 'en0', { platform: 'darwin', libc });
    expect(calls).toMatchObject([{ level: 0, option: 25, value: [7, 0, 0, 0], sizeBytes: 4 }]);
  });

  it('is IPV6_BOUND_IF on macOS for IPv6', async ({ skip }) => {
    const socket = await boundSocket('udp6').catch((error: Error) => skip(`no IPv6 here: ${error.message}`));
    const { calls, libc } = fakeLibc();
    pinToInterface(socket, 'en0', { platform: 'darwin', libc });
    expect(calls).toMatchObject([{ level: 41, option: 125, value: [7, 0, 0, 0] }]);
  });

  it.each([
    ['EPERM', EPERM],
    ['EACCES', EACCES],
    ['ENODEV', ENODEV],
    ['EINVAL', EINVAL],
  ])('tells %s of the system', async (code, number) => {
    const { libc } = fakeLibc(number);
    const socket = await boundSocket();
    expect(() => pinToInterface(socket, 'eth0', { platform: 'linux', libc })).toThrow(errno(code));
  });

  it.each([
    ['an empty name, which would lift the pin', ''],
    ['a name that the kernel would cut short', 'a-name-of-sixteen'],
    ['a name with a NUL in it', 'eth0\0x'],
  ])('finds no interface by %s', async (_what, name) => {
    const { calls, libc } = fakeLibc();
    const socket = await boundSocket();
    expect(() => pinToInterface(socket, name, { platform: 'linux', libc })).toThrow(errno('ENODEV'));
    expect(calls).toEqual([]);
  });

  it('wants a socket that is bound', () => {
    const socket = createSocket('udp4');
    open.push(socket);
    const { libc } = fakeLibc();
    expect(() => pinToInterface(socket, 'eth0', { platform: 'linux', libc })).toThrow(errno('EBADF'));
  });

  it('is for Linux and macOS', async () => {
    const socket = await boundSocket();
    const { libc } = fakeLibc();
    expect(() => pinToInterface(socket, 'eth0', { platform: 'win32', libc })).toThrow(
      expect.objectContaining({ name: 'NativeCodeError', missing: 'system' }),
    );
  });
});
