import { encodeChannelData, encodeStunMessage, type TransportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CONNECTION_LIMITS, type ConnectionLimits } from '../src/server/client-connections.js';
import { heldPorts } from './held-ports.js';
import { settled } from './memory-network.js';
import { at } from './raw-client.js';
import { PEER, turnLab } from './turn-lab.js';

const SECOND = 1000;
const PEERS = [PEER, at('198.51.100.8', 51820)];

type Lab = Awaited<ReturnType<typeof turnLab>>;

const ended = (lab: Lab) => lab.server.status()['endedConnections'];
const limited = (limits: Partial<ConnectionLimits>) =>
  turnLab({ edges: { connectionLimits: { ...DEFAULT_CONNECTION_LIMITS, ...limits } } });

/** With an allocation, a permission and a channel. */
async function connected(lab: Lab) {
  const { client, stream } = lab.connect();
  const { relayedAddress } = await client.allocate();
  await client.bindChannel(0x4000, PEER);
  return { client, stream, relayed: relayedAddress as TransportAddress };
}

describe('TURN over TCP', () => {
  it('listens beside UDP, at each address', async () => {
    const lab = await turnLab({ turn: { listen: ['203.0.113.10:3478', '[2001:db8::10]:3478'] } });
    expect(lab.streams.addresses).toEqual(['203.0.113.10:3478', '[2001:db8::10]:3478']);
    expect(lab.server.addresses().map(({ url }) => url)).toContain('turn:203.0.113.10:3478?transport=tcp');
    await lab.server.stop();
    expect(lab.streams.addresses).toEqual([]);
  });

  it('relays by channel and by indication, in both directions', async () => {
    const lab = await turnLab();
    const { client, relayed } = await connected(lab);
    for (const text of ['', 'a', 'ab', 'abc', 'abcd']) await client.sendChannelData(0x4000, text);
    await client.sendIndication(PEER, 'sent');
    await lab.fromPeer('back', relayed);
    await client.permit(...PEERS);
    await lab.fromPeer('other', relayed, PEERS[1]);
    expect(lab.peer.received.map((line) => line.split(' ')[1])).toEqual(['', 'a', 'ab', 'abc', 'abcd', 'sent']);
    expect(client.data).toEqual(['4000 back', '198.51.100.8:51820 other']);
    expect(lab.drops()).toEqual({});
  });

  it('takes what comes byte by byte', async () => {
    const lab = await turnLab();
    const { client, stream } = await connected(lab);
    const before = client.inbox.length;
    const bytes = Buffer.concat([
      encodeChannelData(0x4000, Buffer.from('hello'), { pad: true }),
      client.encode({ method: 'refresh' }),
    ]);
    for (const byte of bytes) stream.write(Buffer.of(byte));
    await settled();
    await settled();
    expect(lab.peer.received.at(-1)).toMatch(/ hello$/);
    expect(client.inbox.length).toBe(before + 1);
  });

  it('a connection is a 5-tuple of its own beside UDP from the same address', async () => {
    const lab = await turnLab();
    const from = at('192.0.2.1', 7000);
    const overUdp = await lab.client(from);
    const { client } = lab.connect(from);
    const both = [await overUdp.allocate(), await client.allocate()];
    expect(both.map((answer) => answer.class)).toEqual(['success', 'success']);
    // Nor is the nonce of one good for the other.
    overUdp.nonce = client.nonce;
    const refused = await overUdp.exchange(overUdp.encode({ method: 'refresh' }));
    expect(refused?.errorCode?.code).toBe(438);
  });

  it('two clients of two protocols reach each other through their relayed addresses', async () => {
    const lab = await turnLab();
    const [a, b] = [lab.connect().client, await lab.client()];
    const [ofA, ofB] = [(await a.allocate()).relayedAddress!, (await b.allocate()).relayedAddress!];
    await a.permit(ofB);
    await b.permit(ofA);
    await a.sendIndication(ofB, 'to udp');
    await b.sendIndication(ofA, 'to tcp');
    expect([a.data, b.data]).toEqual([[`${ofB.ip}:${ofB.port} to tcp`], [`${ofA.ip}:${ofA.port} to udp`]]);
  });

  it('the allocation ends with the connection, at whatever moment that goes', async () => {
    const lab = await turnLab();
    const { stream } = await connected(lab);
    expect(lab.server.status()).toMatchObject({ allocations: 1, connections: 1 });
    stream.destroy();
    await settled();
    expect(lab.server.status()).toMatchObject({ allocations: 0, connections: 0 });

    const { client, stream: second } = lab.connect();
    await client.exchange(client.encode({ method: 'allocate', requestedTransport: 17 }));
    const sending = client.allocate().catch(() => undefined);
    second.destroy();
    await sending;
    await settled();
    expect(lab.server.status()).toMatchObject({ allocations: 0, connections: 0 });
    expect(lab.network.boundAddresses).toEqual(['203.0.113.10:3478', '198.51.100.7:51820']);
  });

  it('leaves nothing of a client that goes while its port is being opened', async () => {
    const { release, ...held } = heldPorts();
    const lab = await turnLab(held);
    const bound = lab.network.boundAddresses;
    const { client, stream } = lab.connect();
    await client.exchange(client.encode({ method: 'allocate', requestedTransport: 17 }));
    client.takeNonce();
    await client.send(client.encode({ method: 'allocate', requestedTransport: 17 }));
    stream.destroy();
    await settled();
    expect(lab.server.status()).toMatchObject({ allocations: 0, connections: 0 });
    release();
    await settled();
    await settled();
    expect(lab.server.status()).toMatchObject({ allocations: 0, connections: 0 });
    expect(lab.network.boundAddresses).toEqual(bound);
  });

  it.each([
    [4, 4],
    [4, 6],
    [6, 4],
    [6, 6],
  ] as const)('a client of IPv%i has an allocation of IPv%i', async (ofClient, ofRelay) => {
    const lab = await turnLab({ turn: { listen: ['203.0.113.10:3478', '[2001:db8:5::1]:3478'] } });
    const server = ofClient === 4 ? at('203.0.113.10', 3478) : at('2001:db8:5::1', 3478);
    const { client } = lab.connect(at(ofClient === 4 ? '192.0.2.1' : '2001:db8:c::1', 5000), server);
    const peer = at(ofRelay === 4 ? '198.51.100.9' : '2001:db8:7::1', 80);
    const received: string[] = [];
    await lab.network.open(peer, (bytes, ip) => received.push(`${ip} ${bytes.toString()}`));
    const { relayedAddress } = await client.allocate({ requestedAddressFamily: ofRelay });
    expect(relayedAddress).toMatchObject({ ip: ofRelay === 4 ? '203.0.113.10' : '2001:db8:5::1' });
    await client.bindChannel(0x4000, peer);
    await client.sendChannelData(0x4000, 'there');
    await lab.fromPeer('back', relayedAddress, peer);
    expect(received).toEqual([`${relayedAddress?.ip} there`]);
    expect(client.data).toEqual(['4000 back']);
  });

  it('a connection whose allocation is over has some seconds for another one', async () => {
    const lab = await turnLab();
    const { client, stream } = await connected(lab);
    await client.request({ method: 'refresh', lifetimeSeconds: 0 });
    await lab.clock.advance(5 * SECOND);
    expect((await client.allocate()).class).toBe('success');
    await lab.clock.advance(60 * SECOND);
    expect(stream.destroyed).toBe(false);
    await client.request({ method: 'refresh', lifetimeSeconds: 0 });
    await lab.clock.advance(12 * SECOND);
    await settled();
    expect(stream.destroyed).toBe(true);
  });
});

describe('a connection over TCP that is of no use', () => {
  it.each([
    ['says nothing', ''],
    ['begins a message and does not end it', '000300082112a442'],
    ['claims ChannelData of 64 KiB', '4000ffff00'],
  ])('is closed after a while where it %s', async (_what, hex) => {
    const lab = await turnLab();
    const { stream } = lab.connect();
    if (hex !== '') stream.write(Buffer.from(hex, 'hex'));
    await lab.clock.advance(25 * SECOND);
    expect(stream.destroyed).toBe(false);
    await lab.clock.advance(10 * SECOND);
    await settled();
    expect(stream.destroyed).toBe(true);
    expect(ended(lab)).toEqual({ 'no-allocation': 1 });
  });

  it('is closed at once where it speaks something else, and what came before is answered', async () => {
    const lab = await turnLab();
    const { stream, client } = lab.connect();
    const binding = encodeStunMessage({ class: 'request', method: 'binding', transactionId: Buffer.alloc(12, 1) });
    stream.write(Buffer.concat([binding, Buffer.from('GET / HTTP/1.1')]));
    await settled();
    expect(stream.destroyed).toBe(false);
    stream.write(Buffer.from('16030102000100', 'hex'));
    await settled();
    expect(client.inbox).toHaveLength(1);
    lab.connect().stream.write(Buffer.from('ff', 'hex'));
    lab.connect().stream.write(Buffer.from('1603010200010001', 'hex'));
    await settled();
    expect(ended(lab)).toEqual({ 'not-turn': 2 });
  });

  it('a live session is not touched by thousands of them: the oldest silent ones go', async () => {
    const lab = await limited({ maxHandshakes: 100 });
    const { client, relayed } = await connected(lab);
    for (let n = 0; n < 2000; n++) lab.connect(at(`198.18.${n >> 8}.${n & 255}`, 4000));
    await settled();
    expect(lab.server.status()).toMatchObject({ connections: 101 });
    await lab.fromPeer('still there', relayed);
    expect(client.data).toEqual(['4000 still there']);
    expect(ended(lab)).toEqual({ 'crowded-out': 1900 });
    await lab.server.stop();
    expect(lab.server.status()).toMatchObject({ connections: 0 });
  });

  it('is refused to an address that has enough', async () => {
    const lab = await limited({ maxConnectionsPerIp: 3 });
    for (let n = 0; n < 5; n++) lab.connect(at('192.0.2.9', 4000 + n));
    expect(ended(lab)).toEqual({ 'ip-connections': 2 });
    expect((await lab.connect().client.allocate()).class).toBe('success');
  });
});

describe('a client over TCP that does not read', () => {
  it('costs so much memory and no more: the newest datagrams are dropped, and counted', async () => {
    const lab = await limited({ maxQueuedBytesEach: 20_000 });
    const { stream, client, relayed } = await connected(lab);
    stream.pause();
    for (let n = 0; n < 200; n++) await lab.fromPeer(`${n} `.padEnd(1000), relayed);
    const dropped = lab.drops()['backlog']!;
    expect(dropped).toBeGreaterThan(100);
    stream.resume();
    for (let n = 0; n < 10; n++) await settled();
    // In order, and without a gap but at the end.
    expect(client.data.map((text) => parseInt(text.split(' ')[1]!, 10))).toEqual(
      Array.from({ length: 200 - dropped }, (_, n) => n),
    );
    await lab.fromPeer('on it goes', relayed);
    expect(client.data.at(-1)).toBe('4000 on it goes');
  });

  it('is not read while its answers wait: what it asks more is not answered before it takes them', async () => {
    const lab = await turnLab();
    const { stream, client } = await connected(lab);
    stream.pause();
    const asked = 3000;
    for (let n = 0; n < asked; n++) stream.write(client.encode({ method: 'refresh' }));
    for (let n = 0; n < 10; n++) await settled();
    expect(stream.writableLength).toBeGreaterThan(100_000);
    stream.resume();
    const before = client.inbox.length;
    for (let n = 0; n < 100; n++) await settled();
    // Those past the rate are dropped, as over UDP.
    expect(client.inbox.length - before + (lab.drops()['rate-limited'] ?? 0)).toBe(asked);
    expect(stream.writableLength).toBe(0);
  });

  it('is disconnected when that goes on', async () => {
    const lab = await turnLab();
    const { stream, relayed } = await connected(lab);
    await lab.clock.advance(60 * SECOND);
    expect(stream.destroyed).toBe(false);
    stream.pause();
    for (let n = 0; n < 100; n++) await lab.fromPeer('x'.repeat(1000), relayed);
    await lab.clock.advance(20 * SECOND);
    expect(ended(lab)).toEqual({});
    await lab.clock.advance(15 * SECOND);
    await settled();
    expect(ended(lab)).toEqual({ 'not-reading': 1 });
    expect(lab.server.status()).toMatchObject({ allocations: 0, connections: 0 });
  });
});

it('malformed ChannelData over TCP is dropped, and the connection goes on', async () => {
  const lab = await turnLab();
  const { client } = await connected(lab);
  await client.send(Buffer.from('7fff000161000000', 'hex'));
  await client.send(encodeChannelData(0x4777, Buffer.from('unbound')));
  await client.sendChannelData(0x4000, 'good');
  expect(lab.drops()).toEqual({ malformed: 1, 'no-channel': 1 });
  expect(lab.peer.received.at(-1)).toMatch(/ good$/);
});
