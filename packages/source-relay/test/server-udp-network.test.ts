import { transportAddress } from '@wirepath/core/plugin';
import { PacketMemory, socketAddress, type UdpOffload } from '@wirepath/linux';
import { afterEach, describe, expect, it } from 'vitest';
import { StunTurnServer, TurnRelay } from '../src/index.js';
import { Outbox, OUTBOX_BYTES } from '../src/server/udp/outbox.js';
import { dgramNetwork, systemUdpNetwork } from '../src/server/udp/system-udp-network.js';
import { DgramDatagrams } from './dgram-datagrams.js';
import { echoPeer } from './echo-peer.js';
import { eventually } from './eventually.js';
import { testNeeds } from './needs.js';

const { signal } = new AbortController();
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Odd and even, none, and as long as a path and as loopback take. */
const SIZES = [0, 1, 2, 3, 4, 5, 99, 100, 1200, 1200, 1200, 1201, 1473, 8000];
/** Together less than a socket's buffer holds. */
const DATAGRAMS = 10 * SIZES.length;

describe.each([
  ['the best of this system', () => systemUdpNetwork()],
  ['batches without GSO and GRO', () => systemUdpNetwork(['gso', 'gro'])],
  ['single system calls', () => systemUdpNetwork(['batches', 'gso', 'gro'])],
  ['node:dgram', dgramNetwork],
])('relaying by %s', (_name, udp) => {
  it.each(['127.0.0.1', '::1'])('alters, swaps and loses nothing of bursts of any size (%s)', async (ip) => {
    const host = ip.includes(':') ? `[${ip}]` : ip;
    const turn = { listen: `${host}:0`, realm: 'lab', users: { lab: 'secret' }, allowPeers: ['127.0.0.0/8', '::1'] };
    const server = new StunTurnServer(testNeeds(), { turn }, { udp });
    await server.start({ signal });
    cleanups.push(() => server.stop());
    const datagrams = await DgramDatagrams.open(ip);
    cleanups.push(() => datagrams.close());
    const peer = await echoPeer(ip);
    cleanups.push(() => peer.close());
    const relay = new TurnRelay(testNeeds(), {
      servers: [{ url: server.addresses()[0]!.url, username: 'lab', credential: 'secret' }],
    });
    const allocation = await relay.allocate(relay.servers[0]!, { datagrams, signal });
    cleanups.push(() => allocation.close());
    const framing = await allocation.permit(peer.address, { signal });
    const path = { kind: 'relayed', framing, remote: peer.address } as const;

    const texts = Array.from({ length: DATAGRAMS }, (_, n) => {
      const size = SIZES[n % SIZES.length]!;
      return `${n} `.repeat(Math.ceil(size / 2)).slice(0, size);
    });
    for (const text of texts) datagrams.send(path, Buffer.from(text));
    await eventually('all are at the peer', () => peer.received.length === DATAGRAMS);
    expect(peer.received.map(({ text }) => text)).toEqual(texts);
    for (const text of texts) peer.send(text, allocation.relayedAddress);
    await eventually('all are back', () => datagrams.received.length === DATAGRAMS);
    expect(datagrams.received.map(({ text }) => text)).toEqual(texts);
    const bytes = texts.reduce((sum, { length }) => sum + length, 0);
    const carried = { packets: DATAGRAMS, bytes };
    expect(server.status()).toMatchObject({ relayed: { toPeers: carried, toClients: carried }, drops: {} });
  });
});

/** As an engine of ours sends, or anyone whose system has segmentation offload. */
it.skipIf(process.platform !== 'linux')('alters nothing of what the system has joined (GRO)', async () => {
  const turn = { listen: '127.0.0.1:0', realm: 'lab', users: { lab: 'secret' }, allowPeers: ['127.0.0.0/8'] };
  const server = new StunTurnServer(testNeeds(), { turn });
  await server.start({ signal });
  cleanups.push(() => server.stop());
  const datagrams = await DgramDatagrams.open();
  cleanups.push(() => datagrams.close());
  const relay = new TurnRelay(testNeeds(), {
    servers: [{ url: server.addresses()[0]!.url, username: 'lab', credential: 'secret' }],
  });
  const allocation = await relay.allocate(relay.servers[0]!, { datagrams, signal });
  cleanups.push(() => allocation.close());
  const network = systemUdpNetwork();
  const peer = await network.open(transportAddress('127.0.0.1', 0));
  cleanups.push(() => peer.datagrams.close());
  await allocation.permit(peer.local, { signal });
  const { ip, port } = allocation.relayedAddress;
  const to = socketAddress(ip, port);
  // The last may be shorter.
  const texts = Array.from({ length: 40 }, (_, n) => `${n} `.repeat(600).slice(0, n === 39 ? 700 : 1000));
  const outbox = new Outbox(network.memory);
  for (const text of texts) peer.datagrams.send(outbox.copy(Buffer.from(text)), text.length, to);
  peer.datagrams.flush();
  await eventually('all are there', () => datagrams.received.length === texts.length);
  expect(datagrams.received.map(({ text }) => text)).toEqual(texts);
});

it.skipIf(process.platform !== 'linux').each<[avoid: UdpOffload[], used: string[]]>([
  [[], ['sendmmsg', 'recvmmsg', 'GSO', 'GRO']],
  [['gso'], ['sendmmsg', 'recvmmsg', 'GRO']],
  [['gro'], ['sendmmsg', 'recvmmsg', 'GSO']],
  [['batches'], ['GSO', 'GRO']],
  [['batches', 'gso', 'gro'], []],
])('turn.avoid %j: status and log say what is used', async (avoid, used) => {
  const needs = testNeeds();
  const server = new StunTurnServer(needs, { turn: { listen: '127.0.0.1:0', users: { lab: 'secret' }, avoid } });
  await server.start({ signal });
  cleanups.push(() => server.stop());
  const means = { sockets: 'batched', used, givenUp: [] };
  expect(server.status()).toMatchObject({ udp: means });
  expect(needs.logger.lines).toContainEqual(
    expect.objectContaining({ level: 'info', message: 'turn: how datagrams go', fields: means }),
  );
});

describe('the outbox', () => {
  const staged = () => {
    const memory = new PacketMemory(OUTBOX_BYTES);
    return { memory, outbox: new Outbox(memory) };
  };

  it('leaves bytes of the packet memory where they are, and copies others to it, apart from each other', () => {
    const { memory, outbox } = staged();
    expect(outbox.place(memory.bytes.subarray(1000, 1100))).toBe(1000);
    const offsets = [1, 65_535, 0, 7, 1200].map((size, n) => ({
      n,
      size,
      at: outbox.place(Buffer.alloc(size, n + 1)),
    }));
    for (const { n, size, at } of offsets) {
      expect(at % 2).toBe(0);
      expect(memory.bytes.subarray(at, at + size).every((byte) => byte === n + 1)).toBe(true);
      // Room for a header.
      expect(memory.bytes.subarray(at - 4, at).every((byte) => byte === 0)).toBe(true);
    }
  });

  it('sends what waits before its place is taken by other bytes', () => {
    const { memory, outbox } = staged();
    const sent: number[] = [];
    const waiting: number[] = [];
    for (let n = 1; n <= 100; n++) {
      const at = outbox.place(Buffer.alloc(60_000, n));
      if (waiting.length === 0)
        outbox.add({ flush: () => sent.push(...waiting.splice(0).map((offset) => memory.bytes[offset]!)) });
      waiting.push(at);
    }
    outbox.flush();
    expect(sent).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  });
});
