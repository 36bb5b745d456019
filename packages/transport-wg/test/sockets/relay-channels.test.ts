import { afterEach, describe, expect, it } from 'vitest';
import { Counters, socketPath, transportAddress, type TransportPath } from '@wirepath/core/plugin';
import { Sockets } from '../../src/sockets/sockets.js';
import type { UdpSocket } from '../../src/sockets/udp-socket.js';
import { testGuard } from '../embedded/support.js';
import { socketBuffers } from './fake-sockets.js';

const signal = new AbortController().signal;
const SERVER = transportAddress('192.0.2.1', 3478);
const [ALICE, BOB] = [transportAddress('198.51.100.1', 51820), transportAddress('198.51.100.2', 51820)];
const [HERS, HIS] = [0x4000, 0x4001];
/** A STUN Binding request without attributes. */
const STUN = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');
/** WireGuard's transport data, told apart by its last byte. */
const data = (mark: number) => Buffer.concat([Buffer.of(4, 0, 0, 0), Buffer.alloc(27), Buffer.of(mark)]);
const opened: Sockets[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((sockets) => sockets.close()));
});

function channelData(channel: number, payload: Uint8Array, lengthBytes = payload.length): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(channel);
  header.writeUInt16BE(lengthBytes, 2);
  return Buffer.concat([header, payload]);
}

/** Sockets, and beside them a relay's client that knows whose each channel is, and writes down what it had to unwrap. */
async function behindRelay() {
  let receive: (bytes: Buffer, from: { address: string; port: number }) => void = () => undefined;
  const sent: string[] = [];
  const socket: UdpSocket = {
    address: () => ({ port: 51820 }),
    on: (event: string, listener: never) => {
      if (event === 'message') receive = listener;
    },
    removeAllListeners: () => undefined,
    send: (bytes, port, ip, callback) => {
      sent.push(`${ip}:${port} ${Buffer.from(bytes).toString('hex')}`);
      callback(null);
    },
    getSendQueueSize: () => 0,
    close: (callback) => callback(),
  };
  const { buffers, read } = socketBuffers();
  const counters = new Counters();
  const clock = { ms: 0 };
  const heard: string[] = [];
  const sockets = new Sockets({
    buffers,
    counters,
    guard: testGuard(),
    now: () => clock.ms,
    onRemote: () => undefined,
    onWireGuard: (offset, sizeBytes, { remote }) =>
      heard.push(`${remote.ip} ${Buffer.from(read(offset, sizeBytes)).toString('hex')}`),
    openSocket: (family) =>
      family === 4
        ? Promise.resolve(socket)
        : Promise.reject(Object.assign(new Error('no IPv6 here'), { code: 'EAFNOSUPPORT' })),
  });
  opened.push(sockets);
  await sockets.open(0, signal);
  const base = sockets.sharedBase(4)!;
  const pathOn = (channel: number, remote = ALICE): TransportPath => ({
    kind: 'relayed',
    remote,
    framing: { kind: 'channel', allocationId: 'relay', base, server: SERVER, channel },
  });
  const bound = new Map([
    [HERS, pathOn(HERS, ALICE)],
    [HIS, pathOn(HIS, BOB)],
  ]);
  const unwrapped: number[] = [];
  const stun: string[] = [];
  sockets.onDatagram(({ path, bytes }) => {
    const view = Buffer.from(bytes);
    if ((view[0] ?? 0) >> 6 !== 1) {
      stun.push(path.remote.ip);
      return true;
    }
    const lengthBytes = view.length < 4 ? Infinity : view.readUInt16BE(2);
    if (lengthBytes > view.length - 4 || path.remote.ip !== SERVER.ip) return false;
    const channel = view.readUInt16BE(0);
    const to = bound.get(channel);
    unwrapped.push(channel);
    if (to !== undefined) sockets.receive(to, view.subarray(4, 4 + lengthBytes));
    return true;
  });
  return {
    sockets,
    buffers,
    counters,
    clock,
    base,
    pathOn,
    bound,
    sent,
    heard,
    unwrapped,
    stun,
    fromRelay: (bytes: Buffer) => receive(bytes, { address: SERVER.ip, port: SERVER.port }),
    from: (ip: string, bytes: Buffer) => receive(bytes, { address: ip, port: SERVER.port }),
  };
}

const from = (ip: string, payload: Uint8Array) => `${ip} ${Buffer.from(payload).toString('hex')}`;

describe('ChannelData that comes in', () => {
  it("is taken out below, after the relay's client did it once, and asked of it again after a second", async () => {
    const { fromRelay, heard, unwrapped, clock } = await behindRelay();
    for (let i = 0; i < 5; i++) fromRelay(channelData(HERS, data(i)));
    expect(unwrapped).toEqual([HERS]);
    clock.ms = 999;
    fromRelay(channelData(HERS, data(5)));
    expect(unwrapped).toEqual([HERS]);
    clock.ms = 1000;
    fromRelay(channelData(HERS, data(6)));
    fromRelay(channelData(HERS, data(7)));
    expect(unwrapped).toEqual([HERS, HERS]);
    expect(heard).toEqual(Array.from({ length: 8 }, (_, i) => from(ALICE.ip, data(i))));
  });

  it('is learnt by channel and by relay', async () => {
    const { fromRelay, from: fromOther, heard, unwrapped, counters } = await behindRelay();
    fromRelay(channelData(HERS, data(1)));
    fromRelay(channelData(HIS, data(2)));
    fromRelay(channelData(HERS, data(3)));
    fromRelay(channelData(HIS, data(4)));
    expect(unwrapped).toEqual([HERS, HIS]);
    expect(heard).toEqual([
      from(ALICE.ip, data(1)),
      from(BOB.ip, data(2)),
      from(ALICE.ip, data(3)),
      from(BOB.ip, data(4)),
    ]);
    // Whoever is not the relay has no channels, however he numbers them.
    fromOther('203.0.113.9', channelData(HERS, data(5)));
    expect(heard).toHaveLength(4);
    expect(counters.snapshot()).toEqual({ 'channel-data.unclaimed': 1 });
  });

  it('goes to whom the channel is bound to now, after a second at most', async () => {
    const { fromRelay, heard, bound, pathOn, clock } = await behindRelay();
    fromRelay(channelData(HERS, data(1)));
    bound.set(HERS, pathOn(HERS, BOB));
    clock.ms = 1000;
    fromRelay(channelData(HERS, data(2)));
    fromRelay(channelData(HERS, data(3)));
    expect(heard).toEqual([from(ALICE.ip, data(1)), from(BOB.ip, data(2)), from(BOB.ip, data(3))]);
  });

  it('holds STUN, which goes to the listeners with the path of the peer', async () => {
    const { fromRelay, heard, stun, unwrapped } = await behindRelay();
    fromRelay(channelData(HERS, STUN));
    fromRelay(channelData(HERS, STUN));
    expect(unwrapped).toEqual([HERS]);
    expect(stun).toEqual([ALICE.ip, ALICE.ip]);
    expect(heard).toEqual([]);
  });

  it.each<[string, Buffer, string[]]>([
    ['padding behind it', Buffer.concat([channelData(HERS, data(9)), Buffer.alloc(3)]), [from(ALICE.ip, data(9))]],
    ['a length beyond its end', channelData(HERS, data(9), 33), []],
    ['the greatest length', channelData(HERS, data(9), 0xffff), []],
    ['no room for a length', channelData(HERS, data(9)).subarray(0, 3), []],
    ['one byte', Buffer.of(0x40), []],
  ])('with %s', async (_what, bytes, expected) => {
    const { fromRelay, heard, counters } = await behindRelay();
    fromRelay(channelData(HERS, data(1)));
    fromRelay(bytes);
    expect(heard.slice(1)).toEqual(expected);
    expect(counters.snapshot()).toEqual(expected.length === 0 ? { 'channel-data.unclaimed': 1 } : {});
    // And the next is as good as ever.
    fromRelay(channelData(HERS, data(2)));
    expect(heard.at(-1)).toBe(from(ALICE.ip, data(2)));
  });
});

describe('sending on a channel', () => {
  const relayed = (channel: number, bytes: Uint8Array) =>
    `192.0.2.1:3478 ${channelData(channel, bytes).toString('hex')}`;
  const direct = (bytes: Uint8Array) => `198.51.100.1:51820 ${Buffer.from(bytes).toString('hex')}`;

  it.each([0, 1, 32, 1452, 9000])('writes its number and the length before %i bytes', async (sizeBytes) => {
    const { sockets, pathOn, sent } = await behindRelay();
    sockets.send(pathOn(HERS), Buffer.alloc(sizeBytes, 7));
    expect(sent).toEqual([relayed(HERS, Buffer.alloc(sizeBytes, 7))]);
  });

  it('and straight at once sends each what is its own, whichever is first', async () => {
    const { sockets, buffers, base, pathOn, sent } = await behindRelay();
    const straight = sockets.packetPath(socketPath(base, ALICE));
    const [hers, his] = [HERS, HIS].map((channel) => sockets.packetPath(pathOn(channel)));
    const orders = [
      [straight, hers!, his!],
      [hers!, straight, his!],
      [his!, hers!, straight],
    ];
    for (const paths of orders) {
      sent.length = 0;
      const at = buffers.putMessage(data(3));
      sockets.sendOnAll(paths, at, 32);
      sockets.flush();
      expect(new Set(sent)).toEqual(new Set([direct(data(3)), relayed(HERS, data(3)), relayed(HIS, data(3))]));
      expect(sent).toHaveLength(3);
    }
  });
});
