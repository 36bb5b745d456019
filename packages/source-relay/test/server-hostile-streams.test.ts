import { encodeChannelData, encodeRelayIndication, encodeStunMessage, streamPadding } from '@wirepath/stun-codec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settled } from './memory-network.js';
import { at } from './raw-client.js';
import { PEER, turnLab } from './turn-lab.js';

const SECOND = 1000;
/** The million by `RELAY_MUTATIONS=1000000`. */
const MUTATIONS = Number(process.env['RELAY_MUTATIONS'] ?? 50_000);

type Lab = Awaited<ReturnType<typeof turnLab>>;

const ended = (lab: Lab) => lab.server.status()['endedConnections'];
const binding = encodeStunMessage({ class: 'request', method: 'binding', transactionId: Buffer.alloc(12, 1) });

async function connected(lab: Lab) {
  const { client, stream } = lab.connect();
  const { relayedAddress } = await client.allocate();
  await client.bindChannel(0x4000, PEER);
  return { client, stream, relayed: relayedAddress! };
}

describe('a connection without an allocation lasts so long and no longer', () => {
  it.each<[string, (second: number) => Buffer]>([
    [
      'where it sends a byte now and then',
      (second) => Buffer.from('0003fffc2112a442'.padEnd(200, '0'), 'hex').subarray(second, second + 1),
    ],
    ['where it asks for its address for ever', () => binding],
  ])('%s', async (_what, says) => {
    const lab = await turnLab();
    const { stream } = lab.connect();
    for (let second = 0; second < 29; second++) {
      stream.write(says(second));
      await lab.clock.advance(SECOND);
    }
    expect(stream.destroyed).toBe(false);
    await lab.clock.advance(3 * SECOND);
    await settled();
    expect(stream.destroyed).toBe(true);
    expect(ended(lab)).toEqual({ 'no-allocation': 1 });
  });
});

describe('malformed ChannelData over TCP', () => {
  it.each([
    ['of a channel above 0x7ffe', '7fff000161000000', { malformed: 1 }],
    ['of a channel that is not bound', '4777000161000000', { 'no-channel': 1 }],
    ['of a channel that is not bound, without data', '47770000', { 'no-channel': 1 }],
  ])('%s is dropped, and the connection goes on', async (_what, hex, drops) => {
    const lab = await turnLab();
    const { client, stream } = await connected(lab);
    stream.write(Buffer.from(hex, 'hex'));
    await client.sendChannelData(0x4000, 'good');
    expect(lab.peer.received.map((text) => text.split(' ')[1])).toEqual(['good']);
    expect(lab.drops()).toEqual(drops);
  });

  it('without its padding takes what follows for padding, and the connection ends with its allocation alone', async () => {
    const lab = await turnLab();
    const [{ stream }, { client, relayed }] = [await connected(lab), await connected(lab)];
    stream.write(Buffer.concat([encodeChannelData(0x4000, Buffer.from('a')), Buffer.alloc(64, 0xff)]));
    await settled();
    expect(stream.destroyed).toBe(true);
    expect(ended(lab)).toEqual({ 'not-turn': 1 });
    await lab.fromPeer('still there', relayed);
    expect(client.data).toEqual(['4000 still there']);
    expect(lab.server.status()).toMatchObject({ allocations: 1, connections: 1 });
  });

  it('of a length that never comes holds what has come of it, and no more', async () => {
    const lab = await turnLab();
    const { stream, client } = await connected(lab);
    stream.write(Buffer.from('4000ffff', 'hex'));
    for (let n = 0; n < 65_535; n += 1000) stream.write(Buffer.alloc(1000));
    await settled();
    await settled();
    // What was too much was the next message's, and such a STUN message there is not.
    expect(stream.destroyed).toBe(true);
    expect(lab.server.status()).toMatchObject({ allocations: 0, connections: 0 });
    expect(client.inbox.length).toBeLessThan(10);
  });
});

it(`survives ${MUTATIONS} mutated messages over TCP, and a session beside them does not notice`, async () => {
  const lab = await turnLab({ turn: { maxAllocations: 1000 } });
  const { client: live, relayed } = await connected(lab);
  const peerAddresses = [PEER];
  let connections = 0;
  /** A connection with an allocation, and what its client might say. */
  async function hostile() {
    const n = connections++;
    const { client, stream } = lab.connect(at(`198.18.${(n >> 8) & 255}.${n & 255}`, 4000 + (n >> 16)));
    await client.allocate();
    await client.bindChannel(0x4000, PEER);
    const messages = [
      client.encode({ method: 'allocate', requestedTransport: 17, evenPort: { reserveNext: true }, fingerprint: true }),
      client.encode({ method: 'refresh', lifetimeSeconds: 600 }),
      client.encode({ method: 'create-permission', peerAddresses }),
      client.encode({ method: 'channel-bind', channelNumber: 0x4001, peerAddresses }),
      encodeRelayIndication('send', Buffer.alloc(12), PEER, Buffer.from('data')),
      binding,
      encodeChannelData(0x4000, Buffer.from('payload')),
    ];
    return { stream, seeds: messages.map((bytes) => Buffer.concat([bytes, streamPadding(bytes.length)])) };
  }
  let { stream, seeds } = await hostile();
  const mutation = fc.tuple(fc.nat(6), fc.nat(200), fc.nat(255), fc.nat(1500), fc.nat(19));
  for (let done = 0; done < MUTATIONS; done += 1000) {
    for (const [seed, place, value, cut, kind] of fc.sample(mutation, { numRuns: 1000, seed: done })) {
      if (stream.destroyed) ({ stream, seeds } = await hostile());
      const bytes = Buffer.from(seeds[seed]!);
      bytes[place % bytes.length] = value;
      // Some are cut, so that the rest is out of step; most come in two pieces.
      const end = kind === 0 ? cut % bytes.length : bytes.length;
      const piece = cut % (end + 1);
      for (const some of [bytes.subarray(0, piece), bytes.subarray(piece, end)])
        if (some.length > 0) stream.write(some);
      if (kind < 4) await settled();
    }
    lab.network.sent.length = 0;
    lab.peer.received.length = 0;
    await lab.clock.advance(1000);
    if (done % 10_000 !== 0) continue;
    await lab.fromPeer(`in ${done}`, relayed);
    expect(live.data.at(-1)).toBe(`4000 in ${done}`);
    expect((await live.request({ method: 'refresh' })).class).toBe('success');
    await live.bindChannel(0x4000, PEER);
  }
  await settled();
  expect(lab.drops()['internal-error']).toBeUndefined();
  expect(connections).toBeGreaterThan(MUTATIONS / 500);
  expect(Number(lab.server.status()['connections'])).toBeLessThan(1100);
  await lab.server.stop();
  expect(lab.server.status()).toMatchObject({ allocations: 0, connections: 0 });
}, 600_000);
