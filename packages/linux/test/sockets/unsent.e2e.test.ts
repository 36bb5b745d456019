import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { limitUnsent } from '../../src/index.js';

const UNSENT_BYTES = 64 * 1024;
const CHUNK = Buffer.alloc(16 * 1024);

/** How much a kernel takes for somebody who reads nothing. */
async function takenBytes(prepare: (socket: Socket) => void): Promise<number> {
  const accepted: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => accepted.push(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  prepare(socket);
  let taken = -1;
  for (let before = -2; before !== taken;) {
    before = taken;
    while (socket.writableLength < 1024 * 1024) socket.write(CHUNK);
    await delay(100);
    taken = socket.bytesWritten - socket.writableLength;
  }
  for (const one of [socket, ...accepted]) one.destroy();
  server.close();
  return taken;
}

describe.skipIf(process.platform !== 'linux')(
  'what the kernel takes of a connection whose other end does not read',
  () => {
    it('is megabytes, and not when that is limited', async () => {
      const plain = await takenBytes(() => undefined);
      const limited = await takenBytes((socket) => expect(limitUnsent(socket, UNSENT_BYTES)).toBe(true));
      expect(limited).toBeLessThan(plain - 512 * 1024);
    });

    it('is as it was of a socket that is none any more', () => {
      const socket = connect({ port: 1, host: '127.0.0.1' }).on('error', () => undefined);
      socket.destroy();
      expect(limitUnsent(socket, UNSENT_BYTES)).toBe(false);
    });
  },
);
