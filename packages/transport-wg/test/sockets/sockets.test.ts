import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { Counters, socketPath, transportAddress, type Base, type ReceivedDatagram } from '@wirepath/core/plugin';
import { kindOf } from '../../src/sockets/demultiplex.js';
import { Sockets } from '../../src/sockets/sockets.js';
import { socketBuffers } from './fake-sockets.js';
import { bareSocket, recordingLogger, testGuard, until } from '../embedded/support.js';

const signal = new AbortController().signal;
const opened: Sockets[] = [];

function newSockets() {
  const logger = recordingLogger();
  const guard = testGuard(logger);
  const counters = new Counters();
  const wireGuard: string[] = [];
  const remotes: string[] = [];
  const { buffers, read } = socketBuffers();
  const sockets = new Sockets({
    buffers,
    guard,
    counters,
    onWireGuard: (offset, sizeBytes) => wireGuard.push(Buffer.from(read(offset, sizeBytes)).toString('hex')),
    onRemote: (ip) => remotes.push(ip),
  });
  opened.push(sockets);
  return { sockets, logger, guard, counters, wireGuard, remotes };
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((sockets) => sockets.close()));
});

/** A STUN Binding request without attributes. */
const stun = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');
const channelData = Buffer.from('40010004deadbeef', 'hex');
const transportData = Buffer.concat([Buffer.from('04000000', 'hex'), Buffer.alloc(28)]);

describe('demultiplexing', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 'other'],
    ['a byte', Buffer.of(4), 'other'],
    ['three bytes', Buffer.of(1, 0, 0), 'other'],
    ['a Binding request', stun, 'stun'],
    ['one with a byte too many', Buffer.concat([stun, Buffer.of(0)]), 'other'],
    ['one without the cookie', Buffer.concat([stun.subarray(0, 4), Buffer.alloc(16)]), 'other'],
    ['ChannelData', channelData, 'channel'],
    ['a keepalive', transportData, 'wireguard'],
    ['an initiation', Buffer.concat([Buffer.from('01000000', 'hex'), Buffer.alloc(144)]), 'wireguard'],
    ['type 5', Buffer.concat([Buffer.from('05000000', 'hex'), Buffer.alloc(28)]), 'other'],
    ['top bits 10 (RTP)', Buffer.alloc(40, 0x80), 'other'],
    // The index of a session may look like the cookie; the length field of STUN is zero bytes of WireGuard's header.
    [
      'a message whose receiver index is the cookie',
      Buffer.concat([Buffer.from('040000002112a442', 'hex'), Buffer.alloc(24)]),
      'wireguard',
    ],
  ])('%s is %s', (_name, bytes, kind) => {
    expect(kindOf(bytes)).toBe(kind);
  });
});

describe('shared sockets', () => {
  it('have one port in both families, on the wildcard address', async () => {
    const { sockets } = newSockets();
    await sockets.open(0, signal);
    const families = sockets.bases.map(({ family }) => family);
    expect(families).toContain(4);
    expect(new Set(sockets.bases.map(({ port }) => port)).size).toBe(1);
    expect(sockets.bases.every(({ shared }) => shared)).toBe(true);
    expect(new Set(sockets.bases.map(({ id }) => id)).size).toBe(families.length);
  });

  it('say which port is taken and what cures it', async () => {
    const taken = createSocket('udp4').bind(0, '0.0.0.0');
    await once(taken, 'listening');
    const { port } = taken.address();
    const { sockets } = newSockets();
    await expect(sockets.open(port, signal)).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining(String(port)),
      advice: expect.stringContaining('listenPort'),
    });
    expect(sockets.bases).toEqual([]);
    await new Promise<void>((resolve) => taken.close(() => resolve()));
  });

  it('leave nothing open when only IPv6 has the port taken', async () => {
    const taken = createSocket({ type: 'udp6', ipv6Only: true });
    const bound = await new Promise<boolean>((resolve) => {
      taken.once('error', () => resolve(false));
      taken.bind(0, '::', () => resolve(true));
    });
    if (!bound) return console.log('skipped: no IPv6 here');
    const { port } = taken.address();
    const { sockets } = newSockets();
    await expect(sockets.open(port, signal)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE', subject: `[::]:${port}` });
    const free = createSocket('udp4').bind(port, '0.0.0.0');
    await once(free, 'listening');
    await Promise.all([free, taken].map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  });

  it('are not opened after an abort', async () => {
    const { sockets } = newSockets();
    await expect(sockets.open(0, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    expect(sockets.bases).toEqual([]);
  });
});

describe('extra bases', () => {
  it('have ports and ids of their own, receive, and close', async () => {
    const { sockets, wireGuard, counters } = newSockets();
    await sockets.open(0, signal);
    const extra = await sockets.openBase(4, { signal });
    expect(extra.shared).toBe(false);
    expect(extra.port).not.toBe(sockets.port);
    const peer = await bareSocket();
    const heard: ReceivedDatagram[] = [];
    sockets.onDatagram(({ path, bytes }) => void heard.push({ path, bytes: Uint8Array.from(bytes) }));
    await peer.send(stun, extra.port);
    await peer.send(transportData, extra.port);
    await peer.send(Buffer.from('00800000', 'hex'), extra.port); // NAT-PMP's answer: nobody's but a listener's
    await until(() => heard.length === 2 && wireGuard.length === 1, 'three datagrams');
    expect(heard.map(({ bytes }) => bytes.length)).toEqual([20, 4]);
    expect(heard[0]!.path).toEqual(socketPath(extra, transportAddress('127.0.0.1', peer.port)));
    sockets.closeBase(extra);
    expect(sockets.bases).not.toContain(extra);
    sockets.send(socketPath(extra, transportAddress('127.0.0.1', peer.port)), stun);
    // Whoever only looks on takes nothing.
    expect(counters.snapshot()).toEqual({ 'stun.unclaimed': 1, 'other.unclaimed': 1, 'send.closed': 1 });
    await peer.close();
  });
});

describe('sending', () => {
  it('never throws, and counts what could not be sent', async () => {
    const { sockets, counters } = newSockets();
    await sockets.open(0, signal);
    const base = sockets.sharedBase(4)!;
    const unknown: Base = { id: 'gone', family: 4, port: 1, shared: false };
    sockets.send(socketPath(base, transportAddress('127.0.0.1', 0)), stun);
    sockets.send(socketPath(base, transportAddress('127.0.0.1', 9)), new Uint8Array(70_000));
    sockets.send(socketPath(base, transportAddress('::1', 9)), stun);
    sockets.send(socketPath(base, transportAddress('255.255.255.255', 9)), stun);
    sockets.send(socketPath(unknown, transportAddress('127.0.0.1', 9)), stun);
    sockets.send(
      {
        kind: 'relayed',
        remote: transportAddress('127.0.0.1', 9),
        framing: {
          kind: 'stream',
          allocationId: 'a',
          send: () => {
            throw new Error('gone');
          },
        },
      },
      stun,
    );
    await until(() => Object.keys(counters.snapshot()).length === 6, 'six reasons');
    expect(counters.snapshot()).toEqual({
      'send.ERR_SOCKET_BAD_PORT': 1,
      'send.EMSGSIZE': 1,
      'send.family': 1,
      'send.EACCES': 1,
      'send.closed': 1,
      'send.stream': 1,
    });
  });

  it('tells each new destination once', async () => {
    const { sockets, remotes } = newSockets();
    await sockets.open(0, signal);
    const base = sockets.sharedBase(4)!;
    for (const ip of ['127.0.0.1', '127.0.0.2', '127.0.0.1'])
      sockets.send(socketPath(base, transportAddress(ip, 9)), stun);
    expect(remotes).toEqual(['127.0.0.1', '127.0.0.2']);
  });
});

describe('listeners', () => {
  it('that throw hurt nobody, are counted, and logged once a minute', async () => {
    const { sockets, logger, guard } = newSockets();
    await sockets.open(0, signal);
    let heard = 0;
    sockets.onDatagram(() => {
      throw new Error('broken');
    });
    sockets.onDatagram(() => void heard++);
    const peer = await bareSocket();
    for (let i = 0; i < 5; i++) await peer.send(stun, sockets.port!);
    await until(() => heard === 5, 'five datagrams');
    expect(guard.counters()).toEqual({ 'failed.test: listener of datagram': 5 });
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    await peer.close();
  });

  it.each([
    ['STUN', stun, { 'stun.unclaimed': 1 }],
    ['ChannelData', channelData, { 'channel-data.unclaimed': 1 }],
  ])('that leave %s to others, and nobody else: counted once', async (_what, bytes, counted) => {
    const { sockets, counters } = newSockets();
    await sockets.open(0, signal);
    sockets.onDatagram(() => false);
    sockets.onDatagram(() => undefined);
    const peer = await bareSocket();
    await peer.send(bytes, sockets.port!);
    await until(() => Object.keys(counters.snapshot()).length > 0, 'the count');
    expect(counters.snapshot()).toEqual(counted);
    await peer.close();
  });

  it('that take a datagram keep it from those behind them', async () => {
    const { sockets, counters } = newSockets();
    await sockets.open(0, signal);
    const called: string[] = [];
    const listener = (name: string, takes: boolean) =>
      sockets.onDatagram(() => {
        called.push(name);
        return takes;
      });
    listener('leaves', false);
    listener('takes', true);
    listener('never asked', true);
    sockets.receive(socketPath(sockets.sharedBase(4)!, transportAddress('127.0.0.1', 9)), stun);
    expect(called).toEqual(['leaves', 'takes']);
    expect(counters.snapshot()).toEqual({});
  });

  it('are not called any more once disposed', async () => {
    const { sockets } = newSockets();
    await sockets.open(0, signal);
    let first = 0;
    let second = 0;
    const subscription = sockets.onDatagram(() => {
      first++;
      subscription[Symbol.dispose]();
    });
    sockets.onDatagram(() => void second++);
    const path = socketPath(sockets.sharedBase(4)!, transportAddress('127.0.0.1', 9));
    for (let i = 0; i < 3; i++) sockets.receive(path, stun);
    expect([first, second]).toEqual([1, 3]);
  });
});

describe('what a relay hands in', () => {
  it('is STUN for the listeners, and WireGuard\u2019s otherwise', async () => {
    const { sockets, wireGuard } = newSockets();
    await sockets.open(0, signal);
    const path = socketPath(sockets.sharedBase(4)!, transportAddress('127.0.0.1', 9));
    const heard: ReceivedDatagram[] = [];
    sockets.onDatagram((datagram) => void heard.push(datagram));
    sockets.receive(path, stun);
    sockets.receive(path, transportData);
    sockets.receive(path, channelData);
    expect(heard).toEqual([{ path, bytes: stun }]);
    expect(wireGuard).toEqual([transportData.toString('hex'), channelData.toString('hex')]);
  });
});
