import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { catchUncaught } from '../loop/catch-uncaught.js';
import {
  DGRAM_SOCKET_BYTES,
  DgramSocket,
  PacketMemory,
  socketAddress,
  socketDescriptor,
  UDP_BATCHES_BYTES,
  UdpBatches,
  type DatagramReceiver,
  type DatagramSocket,
  type SocketAddress,
  type UdpOffload,
} from '../../src/index.js';

const ROOM_BYTES = 1 << 20;
const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const act of undo.splice(0).reverse()) await act();
});

async function bound(family: 4 | 6, ip: string): Promise<Socket> {
  const type = family === 4 ? 'udp4' : 'udp6';
  const socket = createSocket({
    type,
    recvBufferSize: 4 << 20,
    sendBufferSize: 4 << 20,
    // Node's own look-up would put every datagram off to a later tick.
    lookup: (literal, _options, callback) => callback(null, literal, family),
  });
  const listening = once(socket, 'listening');
  socket.bind(0, ip);
  await listening;
  return socket;
}

const batched =
  (...avoid: UdpOffload[]) =>
  async (memory: PacketMemory, family: 4 | 6, ip: string): Promise<DatagramSocket<SocketAddress>> => {
    const socket = await bound(family, ip);
    const batches = new UdpBatches(memory, { avoid });
    const made = batches.adopt<SocketAddress>(socketDescriptor(socket) ?? -1, family, socket.address().port);
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    return made;
  };
const KINDS = {
  'node:dgram': async (memory: PacketMemory, family: 4 | 6, ip: string) =>
    new DgramSocket<SocketAddress>(memory, await bound(family, ip), family),
  batches: batched(),
  'batches without GSO and GRO': batched('gso', 'gro'),
  'batches without batches': batched('batches'),
};

/** An end with a memory of its own; what comes in is written down. */
async function open(make: (typeof KINDS)['batches'], family: 4 | 6 = 4, { started = true } = {}) {
  const ip = family === 4 ? '127.0.0.1' : '::1';
  const memory = new PacketMemory(UDP_BATCHES_BYTES + DGRAM_SOCKET_BYTES + ROOM_BYTES);
  const room = memory.reserve(ROOM_BYTES);
  const socket = await make(memory, family, ip);
  undo.push(() => socket.close());
  const heard: { bytes: Buffer; from: SocketAddress }[] = [];
  const failed: string[] = [];
  const sources: SocketAddress[] = [];
  let batches = 0;
  const on = {
    datagram: (_offset: number): void => undefined,
    failed: (): void => undefined,
    source: (): boolean => true,
  };
  const receiver: DatagramReceiver<SocketAddress> = {
    source: (address) => {
      sources.push(address);
      return on.source() ? address : undefined;
    },
    datagram: (offset, sizeBytes, from) => {
      heard.push({ bytes: Buffer.from(memory.bytes.slice(offset, offset + sizeBytes)), from });
      // As a receiver may.
      memory.bytes.fill(0xee, offset - 64, offset + sizeBytes);
      on.datagram(offset);
    },
    batchEnd: () => (batches += 1),
    failed: (code, count) => {
      failed.push(`${code} ${count}`);
      on.failed();
    },
  };
  if (started) socket.start(receiver);
  let next = room;
  return {
    socket,
    start: () => socket.start(receiver),
    memory,
    heard,
    failed,
    sources,
    on,
    batches: () => batches,
    address: socketAddress(ip, socket.port),
    queue(bytes: Uint8Array, to: SocketAddress) {
      memory.bytes.set(bytes, next);
      socket.send(next, bytes.length, to);
      next += bytes.length;
    },
    flush() {
      socket.flush();
      next = room;
    },
  };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const filled = (size: number, mark: number) => Buffer.alloc(size, mark);

describe.skipIf(process.platform !== 'linux').each(Object.entries(KINDS))('a datagram socket by %s', (_, make) => {
  it.each([4, 6] as const)('carries datagrams of every size, in order, over IPv%i', async (family) => {
    const [a, b] = [await open(make, family), await open(make, family)];
    const sizes = [0, 1, 3, 4, 31, 32, 1200, 1200, 1200, 700, 1452, 1452, 1453, 1452, 9000, 65_000, 2, 0, 65_507 - 20];
    sizes.forEach((size, i) => a.queue(filled(size, i), b.address));
    a.flush();
    await until(() => b.heard.length === sizes.length, 'all of them');
    expect(b.heard.map(({ bytes }) => bytes.length)).toEqual(sizes);
    b.heard.forEach(({ bytes }, i) => expect(bytes.equals(filled(sizes[i]!, i))).toBe(true));
    expect(b.sources).toHaveLength(1);
    expect(b.sources[0]).toMatchObject({ family, ip: a.address.ip, port: a.address.port });
    expect(b.sources[0]!.words).toEqual(a.address.words);
    expect([a.failed, b.failed]).toEqual([[], []]);
  });

  it.each([1, 5, 333, 1451])('hands each of many datagrams of %i bytes in where words begin', async (size) => {
    const [a, b] = [await open(make), await open(make)];
    const starts = new Set<number>();
    b.on.datagram = (offset) => starts.add(offset & 3);
    for (let i = 0; i < 40; i++) a.queue(filled(size, i), b.address);
    a.flush();
    await until(() => b.heard.length === 40, 'all of them');
    b.heard.forEach(({ bytes }, i) => expect(bytes.equals(filled(size, i))).toBe(true));
    expect([...starts]).toEqual([0]);
  });

  it('keeps the order for each of many destinations, in more than one queue holds', async () => {
    const a = await open(make);
    const others = [await open(make), await open(make), await open(make)];
    for (let i = 0; i < 600; i++) a.queue(Buffer.from([i >> 8, i & 255, ...filled(i % 7, 1)]), others[i % 3]!.address);
    a.flush();
    await until(() => others.every(({ heard }) => heard.length === 200), 'all of them');
    others.forEach(({ heard }, which) =>
      expect(heard.map(({ bytes }) => bytes.readUInt16BE(0))).toEqual(
        Array.from({ length: 200 }, (_unused, i) => 3 * i + which),
      ),
    );
  });

  it('ends a batch after what came in, and answers from within', async () => {
    const [a, b] = [await open(make), await open(make)];
    b.on.datagram = () => b.queue(Buffer.of(7), a.address);
    for (let i = 0; i < 20; i++) a.queue(filled(100, i), b.address);
    a.flush();
    await until(() => b.heard.length === 20 && b.batches() > 0, 'the datagrams');
    b.flush();
    await until(() => a.heard.length === 20, 'the answers');
  });

  it('takes nothing from the call of close on, of what has come in with the last one neither', async () => {
    const [a, b] = [await open(make), await open(make)];
    b.on.datagram = () => void b.socket.close();
    for (let i = 0; i < 20; i++) a.queue(filled(i < 10 ? 100 : 90 + i, i), b.address);
    a.flush();
    await until(() => b.heard.length > 0, 'the first');
    await b.socket.close();
    expect(b.heard).toHaveLength(1);
  });

  it('keeps what comes in until it is started, in order, before what comes later', async () => {
    const [a, b] = [await open(make), await open(make, 4, { started: false })];
    for (let i = 0; i < 10; i++) a.queue(filled(100, i), b.address);
    a.flush();
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let i = 10; i < 20; i++) a.queue(filled(100, i), b.address);
    a.flush();
    b.start();
    expect(b.heard).toEqual([]);
    await until(() => b.heard.length === 20, 'all of them');
    expect(b.heard.map(({ bytes }) => bytes[0])).toEqual(Array.from({ length: 20 }, (_unused, i) => i));
  });

  it('asks for each datagram of a source that is none, until it is one', async () => {
    const [a, b] = [await open(make), await open(make)];
    let answers = 0;
    b.on.source = () => ++answers > 5;
    for (let i = 0; i < 10; i++) a.queue(filled(100 + i, i), b.address);
    a.flush();
    await until(() => b.heard.length === 5, 'those from then on');
    expect(b.heard.map(({ bytes }) => bytes[0])).toEqual([5, 6, 7, 8, 9]);
    expect(answers).toBe(6);
  });

  it('tells what the system refuses, and goes on', async () => {
    const [a, b] = [await open(make), await open(make)];
    a.queue(Buffer.of(1), socketAddress('127.0.0.1', 0));
    a.queue(filled(65_508, 1), b.address);
    a.queue(Buffer.of(2), socketAddress('255.255.255.255', 9));
    a.queue(Buffer.of(3), b.address);
    a.flush();
    await until(() => b.heard.length === 1 && a.failed.length === 3, 'one datagram and three refusals');
    expect(b.heard[0]!.bytes).toEqual(Buffer.of(3));
    expect(a.failed.map((line) => line.split(' ')[1])).toEqual(['1', '1', '1']);
    expect(a.failed.join()).toContain('EMSGSIZE');
    expect(a.failed.join()).toContain('EACCES');
  });

  it('hands in all, ends the batch and sends the rest, whatever its receiver throws; that is reported once', async () => {
    const [a, b] = [await open(make), await open(make)];
    const uncaught = catchUncaught();
    undo.push(() => Promise.resolve(uncaught.stop()));
    const thrown: string[] = [];
    const raise = (what: string) => {
      thrown.push(what);
      throw new Error(what);
    };
    // Some in the midst of what GRO joins, some at its end, and some alone.
    const sizes = Array.from({ length: 40 }, (_unused, i) => (i < 20 ? 100 : i < 30 ? 90 + i : 200));
    b.on.datagram = () => {
      if ([1, 3, 20, 23, 30, 40].includes(b.heard.length)) raise(`datagram ${b.heard.length}`);
    };
    a.on.failed = () => void raise('refusal');
    sizes.slice(0, 30).forEach((size, i) => a.queue(filled(size, i), b.address));
    a.queue(Buffer.of(1), socketAddress('127.0.0.1', 0));
    sizes.slice(30).forEach((size, i) => a.queue(filled(size, 30 + i), b.address));
    a.flush();
    await until(() => b.heard.length === 40 && a.failed.length === 1, 'all of them');
    expect(b.heard.map(({ bytes }) => [bytes.length, bytes[0]])).toEqual(sizes.map((size, i) => [size, i]));
    await until(() => uncaught.messages.length >= 7, 'what was thrown');
    expect([...uncaught.messages].sort()).toEqual(thrown.sort());
    b.on.datagram = () => undefined;
    const before = b.batches();
    a.queue(Buffer.of(1), b.address);
    a.flush();
    await until(() => b.batches() > before, 'the next batch');
    expect(before).toBeGreaterThan(0);
  });

  it('sends what is queued when it is closed, and takes nothing afterwards', async () => {
    const [a, b] = [await open(make), await open(make)];
    a.queue(Buffer.of(1), b.address);
    const closing = a.socket.close();
    expect(a.socket.close()).toBe(closing);
    await closing;
    await until(() => b.heard.length === 1, 'the last datagram');
    b.queue(Buffer.of(2), a.address);
    b.flush();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(a.heard).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')('batches', () => {
  it('take over a socket with what waits in it', async () => {
    const memory = new PacketMemory(UDP_BATCHES_BYTES);
    const socket = await bound(4, '127.0.0.1');
    const { port } = socket.address();
    const sender = await bound(4, '127.0.0.1');
    await new Promise((resolve) => sender.send('early', port, '127.0.0.1', resolve));
    const made = new UdpBatches(memory).adopt<SocketAddress>(socketDescriptor(socket) ?? -1, 4, port);
    undo.push(
      () => made.close(),
      () => new Promise<void>((resolve) => sender.close(() => resolve())),
    );
    socket.close();
    const heard: string[] = [];
    made.start({
      source: (address) => address,
      datagram: (offset, size) => heard.push(Buffer.from(memory.bytes.slice(offset, offset + size)).toString()),
      batchEnd: () => undefined,
      failed: () => undefined,
    });
    await new Promise((resolve) => sender.send('late', port, '127.0.0.1', resolve));
    await until(() => heard.length === 2, 'both');
    expect(heard).toEqual(['early', 'late']);
  });

  it('take what waits at one wake-up, without recvmmsg too', async () => {
    const [a, b] = [await open(KINDS.batches), await open(KINDS['batches without batches'])];
    for (let i = 0; i < 16; i++) a.queue(filled(100 + i, i), b.address);
    a.flush();
    await until(() => b.heard.length === 16, 'all of them');
    expect(b.batches()).toBeLessThanOrEqual(2);
  });

  it('say what they use', async () => {
    const { socket } = await open(KINDS.batches);
    expect(socket.offloads).toEqual({ used: ['sendmmsg', 'recvmmsg', 'GSO', 'GRO'], givenUp: [] });
    const { socket: without } = await open(KINDS['batches without batches']);
    expect(without.offloads.used).toEqual(['GSO', 'GRO']);
  });

  it('ask once for a source, however many come between, up to a bound', async () => {
    const a = await open(KINDS.batches);
    const senders = [await open(KINDS.batches), await open(KINDS.batches)];
    for (let round = 0; round < 3; round++) {
      for (const sender of senders) {
        sender.queue(Buffer.of(round), a.address);
        sender.flush();
      }
      await until(() => a.heard.length === 2 * (round + 1), 'both');
    }
    expect(a.sources).toHaveLength(2);
  });
});
