import { formatAddress, type Allocation, type RelayFraming, type TransportAddress } from '@wirepath/core/plugin';
import { afterEach, describe, expect, it } from 'vitest';
import { StunTurnServer, TurnRelay, type StunTurnServerOptions } from '../src/index.js';
import { DgramDatagrams } from './dgram-datagrams.js';
import { echoPeer } from './echo-peer.js';
import { eventually } from './eventually.js';
import { testNeeds } from './needs.js';

const { signal } = new AbortController();
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startServer(turn: Partial<NonNullable<StunTurnServerOptions['turn']>> = {}, ip = '127.0.0.1') {
  const needs = testNeeds();
  const server = new StunTurnServer(needs, {
    turn: {
      listen: ip.includes(':') ? `[${ip}]:0` : `${ip}:0`,
      realm: 'lab',
      users: { lab: 'secret' },
      allowPeers: ['127.0.0.0/8', '::1'],
      ...turn,
    },
  });
  await server.start({ signal });
  cleanups.push(() => server.stop());
  return { server, needs, url: server.addresses()[0]!.url };
}

async function client(url: string, options: { ip?: string; credential?: string } = {}) {
  const datagrams = await DgramDatagrams.open(options.ip);
  cleanups.push(() => datagrams.close());
  const needs = testNeeds();
  const relay = new TurnRelay(needs, {
    servers: [{ url, username: 'lab', credential: options.credential ?? 'secret' }],
  });
  const allocate = async (): Promise<Allocation> => {
    const allocation = await relay.allocate(relay.servers[0]!, { datagrams, signal });
    cleanups.push(() => allocation.close());
    return allocation;
  };
  return { datagrams, needs, relay, allocate };
}

async function peerOnLoopback(ip = '127.0.0.1') {
  const peer = await echoPeer(ip);
  cleanups.push(() => peer.close());
  return peer;
}

const relayed = (framing: RelayFraming, remote: TransportAddress) => ({ kind: 'relayed', framing, remote }) as const;

describe.each(['127.0.0.1', '::1'])('TURN client and embedded server on %s', (ip) => {
  it('relays both ways through a channel', async () => {
    const { url } = await startServer({}, ip);
    const { datagrams, allocate } = await client(url, { ip });
    const peer = await peerOnLoopback(ip);
    const allocation = await allocate();
    expect(allocation.mappedAddress).toEqual(datagrams.address);
    expect(allocation.relayedAddress.ip).toBe(ip);

    const framing = await allocation.permit(peer.address, { signal });
    expect(framing).toMatchObject({ kind: 'channel', channel: 0x4000, allocationId: allocation.id });
    datagrams.send(relayed(framing, peer.address), Buffer.from('to the peer'));
    const [first] = await eventually('the peer has it', () => peer.received.length > 0 && peer.received);
    expect(first).toMatchObject({ text: 'to the peer', from: { port: allocation.relayedAddress.port } });

    peer.send('from the peer', allocation.relayedAddress);
    const [back] = await eventually('the client has it', () => datagrams.received.length > 0 && datagrams.received);
    expect(back?.text).toBe('from the peer');
    expect(back?.path).toEqual(relayed(framing, peer.address));
    expect(back?.path.kind === 'relayed' && back.path.framing).toBe(framing);
    expect(allocation.rttMs).toBeGreaterThan(0);
  });
});

describe.each(['127.0.0.1', '::1'])('TURN client and embedded server over TCP on %s', (ip) => {
  it('relays both ways, any length, closes, and is told when the server stops', async () => {
    const { server } = await startServer({}, ip);
    const { url } = server.addresses().find((address) => address.url.endsWith('?transport=tcp'))!;
    const { datagrams, relay, allocate } = await client(url, { ip });
    const peer = await peerOnLoopback(ip);
    expect(await relay.probe(relay.servers[0]!, { datagrams, signal })).toBeGreaterThan(0);
    expect(server.status()).toMatchObject({ connections: 1, allocations: 0 });
    const allocation = await allocate();
    expect(server.status()).toMatchObject({ connections: 1, allocations: 1 });
    const framing = await allocation.permit(peer.address, { signal });
    const texts = [0, 1, 2, 3, 4, 1400].map((length) => 'x'.repeat(length));
    for (const text of texts) datagrams.send(relayed(framing, peer.address), Buffer.from(text));
    await eventually('the peer has them', () => peer.received.length === texts.length);
    expect(peer.received.map(({ text }) => text).sort()).toEqual(texts);
    for (const text of texts) peer.send(text, allocation.relayedAddress);
    await eventually('the client has them', () => datagrams.received.length === texts.length);
    expect(datagrams.received.map(({ text }) => text).sort()).toEqual(texts);
    await allocation.close();
    await eventually('nothing is left', () => server.status()['connections'] === 0);
    expect(server.status()).toMatchObject({ allocations: 0 });

    const lost: Error[] = [];
    (await allocate()).onLost((reason) => lost.push(reason));
    await server.stop();
    await eventually('it is told', () => lost.length > 0);
  });
});

describe('TURN client and embedded server', () => {
  it("gives data of a permitted peer's other port a Send indication framing", async () => {
    const { url } = await startServer();
    const { datagrams, allocate } = await client(url);
    const [peer, other] = [await peerOnLoopback(), await peerOnLoopback()];
    const allocation = await allocate();
    await allocation.permit(peer.address, { signal });
    for (const text of ['one', 'two']) other.send(text, allocation.relayedAddress);
    const received = await eventually('both', () => datagrams.received.length === 2 && datagrams.received);
    const framings = received.map(({ path }) => (path.kind === 'relayed' ? path.framing : undefined));
    expect(framings[0]).toMatchObject({ kind: 'stream', allocationId: allocation.id });
    expect(framings[1]).toBe(framings[0]);
    datagrams.send(received[0]!.path, Buffer.from('answer'));
    await eventually('the answer', () => other.received.some(({ text }) => text === 'answer'));
  });

  it.each([0, 1, 3])('carries datagrams of %i bytes', async (length) => {
    const { url } = await startServer();
    const { datagrams, allocate } = await client(url);
    const peer = await peerOnLoopback();
    const allocation = await allocate();
    const framing = await allocation.permit(peer.address, { signal });
    const bytes = Buffer.alloc(length, 0x40);
    peer.send(bytes, allocation.relayedAddress);
    await eventually('the client has it', () => datagrams.received.some(({ text }) => text === bytes.toString()));
    datagrams.send(relayed(framing, peer.address), bytes);
    await eventually('the peer has it', () => peer.received.some(({ text }) => text === bytes.toString()));
  });

  it('stops within a moment, sockets and all', async () => {
    const { server, url } = await startServer();
    const { allocate } = await client(url);
    const { relayedAddress } = await allocate();
    const startedAtMs = performance.now();
    await server.stop();
    expect(performance.now() - startedAtMs).toBeLessThan(500);
    const [, ip = '', port = ''] = /^turn:(.*):(\d+)$/.exec(url) ?? [];
    for (const free of [relayedAddress.port, Number(port)]) {
      const again = await DgramDatagrams.open(ip, free);
      await again.close();
    }
  });

  it('refuses a wrong credential without naming it', async () => {
    const { url } = await startServer();
    const { allocate } = await client(url, { credential: 'wrong-and-private' });
    const error = await allocate().then(
      () => undefined,
      (cause: Error) => cause,
    );
    expect(error).toMatchObject({
      code: 'TURN_RELAY',
      subject: url,
      message: `${url}: Allocate was refused: 401 Unauthenticated (username or credential is not one of that server)`,
    });
    expect(error?.stack).not.toContain('private');
  });

  it('rejects one refused peer and keeps the others', async () => {
    const { url } = await startServer();
    const { datagrams, allocate } = await client(url);
    const peer = await peerOnLoopback();
    const allocation = await allocate();
    const refused = { family: 4, ip: '10.0.0.1', port: 9 } as const;
    const [good, bad] = await Promise.allSettled([
      allocation.permit(peer.address, { signal }),
      allocation.permit(refused, { signal }),
    ]);
    expect(good.status).toBe('fulfilled');
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'TURN_RELAY' } });
    peer.send('still here', allocation.relayedAddress);
    await eventually('data', () => datagrams.received.length === 1);
    expect(await allocation.refresh({ signal })).toBe(true);
  });

  it('joins two allocations of one relay inside the process', async () => {
    const { url } = await startServer();
    const [a, b] = [await client(url), await client(url)];
    const [atA, atB] = [await a.allocate(), await b.allocate()];
    const [toB] = await Promise.all([
      atA.permit(atB.relayedAddress, { signal }),
      atB.permit(atA.relayedAddress, { signal }),
    ]);
    a.datagrams.send(relayed(toB, atB.relayedAddress), Buffer.from('hello'));
    const [got] = await eventually('B has it', () => b.datagrams.received.length > 0 && b.datagrams.received);
    expect(got).toMatchObject({ text: 'hello', path: { kind: 'relayed', remote: atA.relayedAddress } });
  });

  it('deletes its allocation on close, listens no more, and its port can allocate again at once', async () => {
    const { url, server } = await startServer();
    const { datagrams, allocate } = await client(url);
    const allocation = await allocate();
    expect(server.status()).toMatchObject({ allocations: 1 });
    await allocation.close();
    expect(server.status()).toMatchObject({ allocations: 0 });
    expect(datagrams.listenerCount).toBe(0);
    await allocate();
    expect(server.status()).toMatchObject({ allocations: 1 });
  });

  it('deletes what a crash left on its port, and allocates', async () => {
    const { url, server } = await startServer();
    const crashed = await client(url);
    const left = await crashed.allocate();
    // Another run of the program on the same socket.
    const relay = new TurnRelay(testNeeds(), { servers: [{ url, username: 'lab', credential: 'secret' }] });
    const allocation = await relay.allocate(relay.servers[0]!, { datagrams: crashed.datagrams, signal });
    expect(formatAddress(allocation.relayedAddress)).not.toBe(formatAddress(left.relayedAddress));
    expect(server.status()).toMatchObject({ allocations: 1 });
    await allocation.close();
  });
});
