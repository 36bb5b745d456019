import { FakeClock } from '@wirepath/core';
import type { Allocation, RelayFraming, TransportAddress } from '@wirepath/core/plugin';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { parseTurnUrl, StunTurnServer, TurnRelay, type TurnServerOptions } from '../src/index.js';
import { DgramDatagrams } from './dgram-datagrams.js';
import { echoPeer } from './echo-peer.js';
import { eventually } from './eventually.js';
import { testNeeds } from './needs.js';
import { fixture, inFrontOf, streamServer } from './stream-front.js';

const { signal } = new AbortController();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const relayed = (framing: RelayFraming, remote: TransportAddress) => ({ kind: 'relayed', framing, remote }) as const;
const bracketed = (ip: string) => (ip.includes(':') ? `[${ip}]` : ip);

async function turnServer(ip = '127.0.0.1') {
  const server = new StunTurnServer(testNeeds(), {
    turn: { listen: `${bracketed(ip)}:0`, realm: 'lab', users: { lab: 'secret' }, allowPeers: ['127.0.0.0/8', '::1'] },
  });
  await server.start({ signal });
  cleanups.push(() => server.stop());
  return { server, address: { ip, port: parseTurnUrl(server.addresses()[0]!.url)!.port } };
}

async function front(serve: Parameters<typeof streamServer>[0], options: Parameters<typeof streamServer>[1] = {}) {
  const made = await streamServer(serve, options);
  cleanups.push(() => made.close());
  const { tls, ip = '127.0.0.1' } = options;
  const url = tls ? `turns:${bracketed(ip)}:${made.port}` : `turn:${bracketed(ip)}:${made.port}?transport=tcp`;
  return { ...made, url };
}

async function client(server: Partial<TurnServerOptions> & Pick<TurnServerOptions, 'url'>, needs = testNeeds()) {
  const datagrams = await DgramDatagrams.open();
  cleanups.push(() => datagrams.close());
  const relay = new TurnRelay(needs, { servers: [{ username: 'lab', credential: 'secret', ...server }] });
  const allocate = async (): Promise<Allocation> => {
    const allocation = await relay.allocate(relay.servers[0]!, { datagrams, signal });
    cleanups.push(() => allocation.close());
    return allocation;
  };
  return { datagrams, needs, relay, allocate };
}

async function peerOn(ip = '127.0.0.1') {
  const peer = await echoPeer(ip);
  cleanups.push(() => peer.close());
  return peer;
}

const byteByByte = (bytes: Buffer) => [...bytes].map((byte) => Buffer.of(byte));

describe.each([
  ['TCP', {}],
  ['TCP over IPv6', { ip: '::1' }],
  ['TLS', { tls: true }],
])('TURN client over %s', (_what, options: { ip?: string; tls?: boolean }) => {
  const { ip = '127.0.0.1' } = options;
  const caFile = fixture('test-only-ca.crt');

  it('relays both ways through a channel and by indications, of any length', async () => {
    const { server, address } = await turnServer(ip);
    const { url, sockets } = await front(inFrontOf(address), options);
    const { datagrams, allocate, needs } = await client({ url, caFile });
    const [peer, other] = [await peerOn(ip), await peerOn(ip)];
    const allocation = await allocate();
    expect(allocation.server).toEqual({ url, transport: options.tls ? 'tls' : 'tcp' });
    const framing = await allocation.permit(peer.address, { signal });
    expect(framing).toMatchObject({ kind: 'stream', allocationId: allocation.id });

    const texts = [0, 1, 2, 3, 4, 1400].map((length) => 'x'.repeat(length));
    for (const text of texts) datagrams.send(relayed(framing, peer.address), Buffer.from(text));
    await eventually('the peer has them', () => peer.received.length === texts.length);
    expect(peer.received.map(({ text }) => text).sort()).toEqual(texts);
    for (const text of texts) peer.send(text, allocation.relayedAddress);
    await eventually('the client has them', () => datagrams.received.length === texts.length);
    expect(datagrams.received.map(({ text }) => text).sort()).toEqual(texts);
    expect(datagrams.received[0]!.path).toEqual(relayed(framing, peer.address));

    other.send('of another port', allocation.relayedAddress);
    const got = await eventually('an indication', () => datagrams.received.find(({ text }) => text.startsWith('of')));
    datagrams.send(got.path, Buffer.from('answer'));
    await eventually('the answer', () => other.received.some(({ text }) => text === 'answer'));

    expect(await allocation.refresh({ signal })).toBe(true);
    expect(needs.outside.proxies).toEqual([undefined]);
    if (options.tls) expect([...sockets].map((socket) => (socket as TLSSocket).alpnProtocol)).toEqual(['stun.turn']);
    await allocation.close();
    expect(server.status()).toMatchObject({ allocations: 0 });
    await eventually('no connection is left', () => sockets.size === 0);
    expect(datagrams.listenerCount).toBe(0);
  });
});

describe('TURN client over a stream', () => {
  it('reads what comes byte by byte', async () => {
    const { address } = await turnServer();
    const { url } = await front(inFrontOf(address, byteByByte));
    const { datagrams, allocate } = await client({ url });
    const peer = await peerOn();
    const allocation = await allocate();
    await allocation.permit(peer.address, { signal });
    peer.send('in pieces', allocation.relayedAddress);
    await eventually('the client has it', () => datagrams.received.some(({ text }) => text === 'in pieces'));
  });

  it('gets through where TLS has to be of the web', async () => {
    const { address } = await turnServer();
    const { url, sockets } = await front(inFrontOf(address), { tls: true, protocol: 'http/1.1' });
    const { allocate } = await client({ url, caFile: fixture('test-only-ca.crt') });
    await allocate();
    expect([...sockets].map((socket) => (socket as TLSSocket).alpnProtocol)).toEqual(['http/1.1']);
  });

  it('goes through the proxy that the options name, by name', async () => {
    const { address } = await turnServer();
    const { port } = await front(inFrontOf(address));
    const needs = testNeeds({ names: { 'relay.example': ['127.0.0.1'] } });
    const servers = [{ url: `turn:relay.example:${port}?transport=tcp`, username: 'lab', credential: 'secret' }];
    const relay = new TurnRelay(needs, { servers: servers.map((one) => ({ ...one, proxy: 'http://proxy.example' })) });
    const datagrams = await DgramDatagrams.open();
    cleanups.push(() => datagrams.close());
    await (await relay.allocate(relay.servers[0]!, { datagrams, signal })).close();
    expect(needs.outside.proxies).toEqual(['http://proxy.example']);
  });

  it('trusts no certificate but those of `caFile`, for the name that was dialled', async () => {
    const { address } = await turnServer();
    const { url, port } = await front(inFrontOf(address), { tls: true });
    await expect((await client({ url })).allocate()).rejects.toMatchObject({
      code: 'TURN_RELAY',
      message: expect.stringMatching(/^turns:127\.0\.0\.1:\d+: TLS: .*`caFile`/) as string,
    });
    const needs = testNeeds({ names: { 'other.test': ['127.0.0.1'], 'relay.test': ['127.0.0.1'] } });
    const named = (name: string) =>
      client({ url: `turns:${name}:${port}`, caFile: fixture('test-only-ca.crt') }, needs).then((one) =>
        one.allocate(),
      );
    await expect(named('other.test')).rejects.toThrow(/ERR_TLS_CERT_ALTNAME_INVALID/);
    expect((await named('relay.test')).relayedAddress.ip).toBe('127.0.0.1');
  });

  it('says what is wrong where nobody listens, and where no TLS is spoken', async () => {
    const { address } = await turnServer();
    const { port } = await front(inFrontOf(address));
    await expect((await client({ url: `turns:127.0.0.1:${port}` })).allocate()).rejects.toMatchObject({
      code: 'TURN_RELAY',
    });
    await expect((await client({ url: 'turn:127.0.0.1:1?transport=tcp' })).allocate()).rejects.toThrow(
      'turn:127.0.0.1:1?transport=tcp: connection refused (ECONNREFUSED)',
    );
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['is not TURN', () => Buffer.from('220 mail.example ESMTP\r\n')],
    ['is of no class of message', () => Buffer.alloc(8, 0xff)],
    ['has a length that does not end', (bytes) => (bytes.writeUInt16BE(0xfffd, 2), bytes)],
  ])('loses the allocation with the reason where what comes %s', async (_what, spoil) => {
    const { address } = await turnServer();
    let broken = false;
    const { url } = await front(inFrontOf(address, (bytes) => [broken ? spoil(bytes) : bytes]));
    const { allocate } = await client({ url });
    const allocation = await allocate();
    const lost: Error[] = [];
    allocation.onLost((reason) => lost.push(reason));
    broken = true;
    expect(await allocation.refresh({ signal })).toBe(false);
    expect(lost.map(({ message }) => message)).toEqual([`${url}: what the server sends is not TURN`]);
  });

  it('loses the allocation at once when the connection ends, and requests with it', async () => {
    const { address } = await turnServer();
    const { url, sockets } = await front(inFrontOf(address));
    const { allocate } = await client({ url });
    const allocation = await allocate();
    const lost: Error[] = [];
    allocation.onLost((reason) => lost.push(reason));
    for (const socket of sockets) socket.end();
    await eventually('it is told', () => lost.length > 0);
    expect(lost.map(({ message }) => message)).toEqual([`${url}: the server closed the connection`]);
    await expect(allocation.permit({ family: 4, ip: '127.0.0.1', port: 9 }, { signal })).rejects.toThrow(/is gone/);
  });

  it.each(Array.from({ length: 5 }, (_, step) => [step]))(
    'survives an end of the connection at message %i',
    async (step) => {
      const { address } = await turnServer();
      let messages = 0;
      const { url, sockets } = await front(
        inFrontOf(address, (bytes) => {
          if (messages++ === step) for (const socket of sockets) socket.destroy();
          return [bytes];
        }),
      );
      const { allocate, relay, datagrams } = await client({ url });
      const settled = await allocate()
        .then((allocation) => allocation.permit({ family: 4, ip: '127.0.0.1', port: 9 }, { signal }))
        .then(
          () => 'permitted',
          (error: { code: string }) => error.code,
        );
      expect(settled).toBe(step < 4 ? 'TURN_RELAY' : 'permitted');
      // And can be allocated on again.
      messages = 100;
      await (await relay.allocate(relay.servers[0]!, { datagrams, signal })).close();
    },
  );

  it('drops and counts the newest datagrams for a server that does not read; its memory is bounded', async () => {
    const { address } = await turnServer();
    const { url, sockets } = await front(inFrontOf(address));
    const { datagrams, allocate, relay } = await client({ url });
    const peer = await peerOn();
    const allocation = await allocate();
    const framing = await allocation.permit(peer.address, { signal });
    for (const socket of sockets) socket.pause();
    const packet = Buffer.alloc(1400);
    for (let sent = 0; relay.counters()['relay.backlog'] === 0; sent += 1) {
      datagrams.send(relayed(framing, peer.address), packet);
      if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      // What the kernels at both ends hold is some megabytes.
      expect(sent).toBeLessThan(20_000);
    }
    for (const socket of sockets) socket.resume();
    expect(await allocation.refresh({ signal })).toBe(true);
  });

  it('gives up a TLS handshake that nobody answers', async () => {
    const clock = new FakeClock();
    const silent = await streamServer((socket) => void socket.resume());
    cleanups.push(() => silent.close());
    const { relay, datagrams } = await client({ url: `turns:127.0.0.1:${silent.port}` }, testNeeds({ clock }));
    const allocating = relay.allocate(relay.servers[0]!, { datagrams, signal });
    const failed = expect(allocating).rejects.toThrow(/the TLS handshake was not answered$/);
    await eventually('it is connected', () => silent.sockets.size === 1 && clock.pendingTimers > 0);
    await clock.advance(5000);
    await failed;
    await eventually('it is closed', () => silent.sockets.size === 0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('asks a connection that fell silent, once, whether the allocation lives, and loses it', async () => {
    const clock = new FakeClock();
    const { address } = await turnServer();
    let requests = 0;
    let silent = false;
    const { url } = await front((socket) => {
      inFrontOf(address, (bytes) => (silent ? [] : [bytes]))(socket);
      socket.on('data', () => (requests += 1));
    });
    const { relay, datagrams } = await client({ url }, testNeeds({ clock }));
    const allocation = await relay.allocate(relay.servers[0]!, { datagrams, signal });
    const lost: Error[] = [];
    allocation.onLost((reason) => lost.push(reason));
    silent = true;
    requests = 0;
    // The keep-alive, its wait, and that of Refresh.
    for (const ms of [25_000, 3000, 9750]) {
      await clock.advance(ms);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(lost.map(({ message }) => message)).toEqual([`${url}: Refresh was not answered`]);
    expect(requests).toBe(2);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each<[string, boolean]>([
    ['a TLS handshake', true],
    ['a request', false],
  ])('gives up when it is not wanted any more during %s that nobody answers', async (_what, tls) => {
    const silent = createServer((socket) => void cleanups.push(() => socket.destroy()));
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    cleanups.push(() => silent.close());
    const { port } = silent.address() as { port: number };
    const { relay, datagrams } = await client({
      url: tls ? `turns:127.0.0.1:${port}` : `turn:127.0.0.1:${port}?transport=tcp`,
    });
    const aborting = new AbortController();
    const allocating = relay.allocate(relay.servers[0]!, { datagrams, signal: aborting.signal });
    await once(silent, 'connection');
    setImmediate(() => aborting.abort());
    await expect(allocating).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('a probe', () => {
  it.each(['udp', 'tcp'])('over %s opens what the next allocation goes on with', async (transport) => {
    const { server, address } = await turnServer();
    let connections = 0;
    const { url } = await front((socket) => {
      connections += 1;
      inFrontOf(address)(socket);
    });
    const { relay, datagrams, allocate } = await client({
      url: transport === 'tcp' ? url : `turn:127.0.0.1:${address.port}`,
    });
    let sent = 0;
    datagrams.onSend = () => ((sent += 1), true);
    const probe = () => relay.probe(relay.servers[0]!, { datagrams, signal });
    expect(await probe()).toBeGreaterThan(0);
    expect(server.status()).toMatchObject({ allocations: 0 });
    const allocation = await allocate();
    if (transport === 'tcp') expect(connections).toBe(1);
    // One request each.
    else expect(sent).toBe(2);
    expect(await probe()).toBeGreaterThan(0);
    expect(server.status()).toMatchObject({ allocations: 1 });
    expect(await allocation.refresh({ signal })).toBe(true);
    if (transport === 'tcp') expect(connections).toBe(1);
    await allocation.close();
    expect(datagrams.listenerCount).toBe(0);
  });

  it('asks over a new connection, though there is one of a probe before it: that server may be gone', async () => {
    const { address } = await turnServer();
    let isFrozen = false;
    const { url, sockets } = await front((socket) => {
      const frozen = isFrozen;
      inFrontOf(address, (bytes) => (isFrozen && !frozen ? [] : [bytes]))(socket);
    });
    const { relay, datagrams, allocate } = await client({ url });
    const probe = () => relay.probe(relay.servers[0]!, { datagrams, signal: AbortSignal.timeout(5000) });
    await probe();
    isFrozen = true;
    expect(await probe()).toBeGreaterThan(0);
    await eventually('the first is closed', () => sockets.size === 1);
    await allocate();
    expect(sockets.size).toBe(1);
  });

  it('that is refused says why, and leaves nothing open', async () => {
    const server = new StunTurnServer(testNeeds(), { stun: { listen: '127.0.0.1:0' } });
    await server.start({ signal });
    cleanups.push(() => server.stop());
    const { relay, datagrams } = await client({ url: server.addresses()[0]!.url.replace('stun:', 'turn:') });
    const probing = relay.probe(relay.servers[0]!, { datagrams, signal: AbortSignal.timeout(300) });
    await expect(probing).rejects.toMatchObject({ code: expect.stringMatching(/^(TURN_RELAY|ABORTED)$/) as string });
    expect(datagrams.listenerCount).toBe(0);
  });
});
