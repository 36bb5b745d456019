import { afterEach, describe, expect, it } from 'vitest';
import { linuxLibc } from '../../src/libc/libc.js';
import type { ReadableWatch } from '../../src/loop/readable-watch.js';
import { watchOnPool } from '../../src/loop/watch-on-pool.js';
import { watchReadable } from '../../src/loop/watch-readable.js';
import { PacketMemory } from '../../src/memory/packet-memory.js';

const O_NONBLOCK = 0o4000;

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
