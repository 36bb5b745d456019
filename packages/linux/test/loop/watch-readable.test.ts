import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { errnoName } from '../../src/libc/errno.js';
import { linuxLibc } from '../../src/libc/libc.js';
import type { ReadableWatch } from '../../src/loop/readable-watch.js';
import { watchOnPool } from '../../src/loop/watch-on-pool.js';
import { watchReadable } from '../../src/loop/watch-readable.js';
import { PacketMemory } from '../../src/memory/packet-memory.js';
import { socketDescriptor } from '../../src/sockets/socket-descriptor.js';
import { catchUncaught } from './catch-uncaught.js';

const O_NONBLOCK = 0o4000;
/** A loop that has nothing else to do sleeps until then. */
const LATE_MS = 5000;

describe.skipIf(process.platform !== 'linux').each([
  ['the event loop', watchReadable],
  ['a thread of the pool', watchOnPool],
])('a descriptor watched by %s', (_, watchIt) => {
  const undo: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const act of undo.splice(0).reverse()) await act();
  });

  function counter() {
    const libc = linuxLibc();
    const memory = new PacketMemory(64);
    const at = memory.reserve(8);
    const fd = libc.eventfd(0, O_NONBLOCK);
    undo.push(() => Promise.resolve(void libc.close(fd)));
    return {
      fd,
      raise: () => {
        memory.view.setBigUint64(at, 1n, true);
        libc.write(fd, memory.address + at, 8);
      },
      lower: () => libc.read(fd, memory.address + at, 8),
    };
  }

  function watch(fd: number, onReadable: () => void): ReadableWatch {
    const made = watchIt(fd, onReadable);
    undo.push(() => made.close());
    return made;
  }

  it('calls back as often as it becomes readable', async () => {
    const { fd, raise, lower } = counter();
    for (let round = 1; round <= 3; round++) {
      let resolve: () => void = () => undefined;
      const seen = new Promise<void>((done) => (resolve = done));
      const watched = watch(fd, () => {
        lower();
        resolve();
      });
      raise();
      await seen;
      await watched.close();
    }
  });

  it('calls back again as long as it can be read', async () => {
    const { fd, raise, lower } = counter();
    await new Promise<void>((resolve) => {
      let calls = 0;
      watch(fd, () => {
        calls += 1;
        if (calls < 3) return;
        lower();
        resolve();
      });
      raise();
    });
  });

  it('calls back for what a socket has to tell of an error, and afterwards, though the first call throws', async () => {
    const libc = linuxLibc();
    const [socket, nobody] = [createSocket('udp4'), createSocket('udp4')];
    await once(nobody.bind(0, '127.0.0.1'), 'listening');
    const { port } = nobody.address();
    nobody.close();
    const connected = once(socket, 'connect');
    socket.connect(port, '127.0.0.1');
    await connected;
    const { port: own } = socket.address();
    const fd = libc.duplicate(socketDescriptor(socket) ?? -1);
    undo.push(() => Promise.resolve(void libc.close(fd)));
    socket.close();

    const memory = new PacketMemory(64);
    const outcomes: string[] = [];
    let told: () => void = () => undefined;
    const next = () => new Promise<void>((resolve) => (told = resolve));
    watch(fd, () => {
      const size = libc.recv(fd, memory.address, 64, 0);
      outcomes.push(size < 0 ? errnoName(libc.errno()) : `${size} bytes`);
      told();
      if (size < 0) throw new Error('a listener that throws');
    });
    const uncaught = catchUncaught();
    undo.push(() => Promise.resolve(uncaught.stop()));
    const refused = next();
    libc.write(fd, memory.address, 3);
    await refused;
    await expect.poll(() => uncaught.messages).toEqual(['a listener that throws']);

    const heard = next();
    const peer = createSocket('udp4');
    await once(peer.bind(port, '127.0.0.1'), 'listening');
    peer.send('hello', own, '127.0.0.1');
    await heard;
    peer.close();
    expect(outcomes).toEqual(['ECONNREFUSED', '5 bytes']);
  });

  it('is closed though nothing else happens in the process', async () => {
    watch(counter().fd, () => undefined);
    for (let round = 0; round < 10; round++) {
      const { fd, raise, lower } = counter();
      const closed = new Promise<string>((resolve) => {
        const watched = watch(fd, () => {
          lower();
          void watched.close().then(() => resolve('closed'));
        });
      });
      raise();
      const late = new AbortController();
      const waited = delay(LATE_MS, 'not closed', { signal: late.signal }).catch(() => 'aborted');
      expect(await Promise.race([closed, waited])).toBe('closed');
      late.abort();
    }
  });

  it('is quiet from the call of close on, and may be closed twice', async () => {
    const { fd, raise } = counter();
    let calls = 0;
    const watched = watch(fd, () => void (calls += 1));
    raise();
    const closing = watched.close();
    expect(watched.close()).toBe(closing);
    await closing;
    expect(calls).toBe(0);
  });
});
