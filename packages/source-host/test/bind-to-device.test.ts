import type { Libc } from '@wirepath/linux';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { constants } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { bindToDevice } from '../src/bind-to-device.js';
import { pinOrWarn } from '../src/pin-or-warn.js';
import { recordingLogger } from './log.js';

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

const code = (value: string): unknown => expect.objectContaining({ name: 'CodedError', code: value });

describe('pinning a socket to an interface', () => {
  it.each([
    ['EPERM', EPERM, 'PERMISSION_DENIED'],
    ['EACCES', EACCES, 'PERMISSION_DENIED'],
    ['ENODEV', ENODEV, 'INTERFACE_NOT_FOUND'],
    ['EINVAL', EINVAL, 'NETWORK_CONFIG'],
  ])('%s of the system is told as such', async (_name, errno, expected) => {
    const { libc } = fakeLibc(errno);
    const socket = await boundSocket();
    expect(() => bindToDevice({ platform: 'linux', libc }, socket, 'eth0')).toThrow(code(expected));
  });

  it.each([
    ['an empty name, which would lift the pin', ''],
    ['a name that the kernel would cut short', 'a-name-of-sixteen'],
    ['a name with a NUL in it', 'eth0\0x'],
  ])('finds no interface by %s', async (_what, name) => {
    const { calls, libc } = fakeLibc();
    const socket = await boundSocket();
    expect(() => bindToDevice({ platform: 'linux', libc }, socket, name)).toThrow(code('INTERFACE_NOT_FOUND'));
    expect(calls).toEqual([]);
  });

  it('finds no interface where macOS has no index for it', async () => {
    const { libc } = fakeLibc(0, 0);
    const socket = await boundSocket();
    expect(() => bindToDevice({ platform: 'darwin', libc }, socket, 'en9')).toThrow(code('INTERFACE_NOT_FOUND'));
  });

  it('says so on other platforms', async () => {
    const socket = await boundSocket();
    const { libc } = fakeLibc();
    expect(() => bindToDevice({ platform: 'win32', libc }, socket, 'eth0')).toThrow(code('NETWORK_CONFIG'));
  });

  it('wants a socket that is bound', () => {
    const socket = createSocket('udp4');
    open.push(socket);
    const { libc } = fakeLibc();
    expect(() => bindToDevice({ platform: 'linux', libc }, socket, 'eth0')).toThrow(code('NETWORK_CONFIG'));
  });

  it('keeps the cause where the native library is missing', async () => {
    const cause = new Error('no prebuilt binary');
    const libc = () => {
      throw cause;
    };
    const socket = await boundSocket();
    expect(() => bindToDevice({ platform: 'linux', libc }, socket, 'eth0')).toThrow(
      expect.objectContaining({ code: 'NETWORK_CONFIG', cause }),
    );
  });
});

describe('pinning a probe socket', () => {
  it('says that it is pinned', async () => {
    const { libc } = fakeLibc();
    const egress = { bindToDevice: bindToDevice.bind(undefined, { platform: 'linux', libc }) };
    const logger = recordingLogger();
    expect(pinOrWarn(egress, await boundSocket(), 'eth0', logger)).toBe(true);
    expect(logger.lines).toEqual([]);
  });

  it.each([
    [EPERM, 'PERMISSION_DENIED'],
    [ENODEV, 'INTERFACE_NOT_FOUND'],
    [EINVAL, 'NETWORK_CONFIG'],
  ])('goes on unpinned with a warning (errno %d)', async (errno, expected) => {
    const { libc } = fakeLibc(errno);
    const egress = { bindToDevice: bindToDevice.bind(undefined, { platform: 'linux', libc }) };
    const logger = recordingLogger();
    expect(pinOrWarn(egress, await boundSocket(), 'eth0', logger)).toBe(false);
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { interface: 'eth0', code: expected } }]);
  });
});
