import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Allocation } from '@wirepath/core/plugin';
import { TurnRelay } from '../src/index.js';
import { missing, startCoturn, type Coturn } from './coturn.js';
import { DgramDatagrams } from './dgram-datagrams.js';
import { echoPeer } from './echo-peer.js';
import { eventually } from './eventually.js';
import { testNeeds } from './needs.js';
import { fixture } from './stream-front.js';

const reason = missing('turnserver');
if (reason !== undefined) console.log(`client with coturn: ${reason}`);
const { signal } = new AbortController();

describe.skipIf(reason).each(['127.0.0.1', '::1'])('TURN client with coturn on %s', (ip) => {
  let coturn: Coturn;
  const cleanups: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    coturn = await startCoturn(ip);
  });
  afterAll(() => coturn.stop());
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  function newRelay() {
    return new TurnRelay(testNeeds(), { servers: [{ url: coturn.url, username: 'lab', credential: 'secret' }] });
  }

  async function allocateOn(datagrams: DgramDatagrams, relay = newRelay()): Promise<Allocation> {
    const allocation = await relay.allocate(relay.servers[0]!, { datagrams, signal });
    cleanups.push(() => allocation.close());
    return allocation;
  }

  async function open() {
    const datagrams = await DgramDatagrams.open(ip);
    cleanups.push(() => datagrams.close());
    const peer = await echoPeer(ip);
    cleanups.push(() => peer.close());
    return { datagrams, peer };
  }

  it('allocates, permits, binds a channel, relays both ways, refreshes', async () => {
    const { datagrams, peer } = await open();
    const allocation = await allocateOn(datagrams);
    expect(allocation.mappedAddress).toEqual(datagrams.address);
    const framing = await allocation.permit(peer.address, { signal });
    expect(framing).toMatchObject({ kind: 'channel', channel: 0x4000 });
    datagrams.send({ kind: 'relayed', framing, remote: peer.address }, Buffer.from('ping'));
    await eventually('the peer has it', () => peer.received.some(({ text }) => text === 'ping'));
    peer.send('pong', allocation.relayedAddress);
    await eventually('the client has it', () => datagrams.received.some(({ text }) => text === 'pong'));
    expect(await allocation.refresh({ signal })).toBe(true);
  });

  it('sends indications to a permitted address without a channel', async () => {
    const { datagrams, peer } = await open();
    const other = await echoPeer(ip);
    cleanups.push(() => other.close());
    const allocation = await allocateOn(datagrams);
    await allocation.permit(peer.address, { signal });
    other.send('from elsewhere', allocation.relayedAddress);
    const [got] = await eventually('data', () => datagrams.received.length > 0 && datagrams.received);
    expect(got?.path).toMatchObject({ kind: 'relayed', remote: other.address, framing: { kind: 'stream' } });
    datagrams.send(got!.path, Buffer.from('answer'));
    await eventually('the answer', () => other.received.some(({ text }) => text === 'answer'));
  });

  it('gets past the 437 that an old allocation on its port causes', async () => {
    const { datagrams } = await open();
    const left = await allocateOn(datagrams);
    // Another run of the program meets it: the first never said goodbye.
    const again = await allocateOn(datagrams);
    expect(again.relayedAddress).not.toEqual(left.relayedAddress);
    await again.close();
  });

  it('allocates again from the same port right after close', async () => {
    const { datagrams } = await open();
    await (await allocateOn(datagrams)).close();
    await allocateOn(datagrams);
  });

  it('rejects a wrong credential', async () => {
    const { datagrams } = await open();
    const relay = new TurnRelay(testNeeds(), {
      servers: [{ url: coturn.url, username: 'lab', credential: 'not this one' }],
    });
    await expect(relay.allocate(relay.servers[0]!, { datagrams, signal })).rejects.toMatchObject({
      code: 'TURN_RELAY',
      message: expect.stringContaining('401') as string,
    });
  });
});

const overEachTransport = ['127.0.0.1', '::1'].flatMap((ip) =>
  (['udp', 'tcp', 'tls'] as const).flatMap((transport) =>
    [false, true].map((sharedSecret) => ({ ip, transport, sharedSecret })),
  ),
);

describe.skipIf(reason)('TURN client with coturn over each transport', () => {
  const started = new Map<string, Promise<Coturn>>();
  const cleanups: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const coturn of started.values()) await (await coturn).stop();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  function coturnOn(ip: string, sharedSecret: boolean): Promise<Coturn> {
    const key = `${ip} ${sharedSecret}`;
    const coturn = started.get(key) ?? startCoturn(ip, [], { streams: true, sharedSecret });
    started.set(key, coturn);
    return coturn;
  }

  it.each(overEachTransport)(
    'probes, allocates, relays both ways, renews and closes: $transport on $ip, shared secret $sharedSecret',
    async ({ ip, transport, sharedSecret }) => {
      const coturn = await coturnOn(ip, sharedSecret);
      const secret = sharedSecret ? { sharedSecret: 'north' } : { credential: 'secret' };
      const caFile = fixture('test-only-ca.crt');
      const datagrams = await DgramDatagrams.open(ip);
      cleanups.push(() => datagrams.close());
      const [peer, other] = [await echoPeer(ip), await echoPeer(ip)];
      cleanups.push(
        () => peer.close(),
        () => other.close(),
      );
      const relay = new TurnRelay(testNeeds(), {
        servers: [{ url: coturn.urls[transport], username: 'lab', caFile, ...secret }],
      });
      const [server] = relay.servers;
      expect(await relay.probe(server!, { datagrams, signal })).toBeGreaterThan(0);
      const allocation = await relay.allocate(server!, { datagrams, signal });
      cleanups.push(() => allocation.close());
      expect(allocation.relayedAddress.ip).toBe(ip);

      const framing = await allocation.permit(peer.address, { signal });
      const texts = [1, 2, 3, 4, 1400].map((length) => 'x'.repeat(length));
      for (const text of texts) datagrams.send({ kind: 'relayed', framing, remote: peer.address }, Buffer.from(text));
      await eventually('the peer has them', () => peer.received.length === texts.length);
      expect(peer.received.map(({ text }) => text).sort()).toEqual(texts);
      for (const text of texts) peer.send(text, allocation.relayedAddress);
      await eventually('the client has them', () => datagrams.received.length === texts.length);
      expect(datagrams.received.map(({ text }) => text).sort()).toEqual(texts);

      other.send('from elsewhere', allocation.relayedAddress);
      const got = await eventually('an indication', () =>
        datagrams.received.find(({ text }) => text.startsWith('from')),
      );
      datagrams.send(got.path, Buffer.from('answer'));
      await eventually('the answer', () => other.received.some(({ text }) => text === 'answer'));

      expect(await relay.probe(server!, { datagrams, signal })).toBeGreaterThan(0);
      expect(await allocation.refresh({ signal })).toBe(true);
      await allocation.close();
      await (await relay.allocate(server!, { datagrams, signal })).close();
    },
  );

  it('deletes what a crash left, although the credential is time-limited', async () => {
    const coturn = await coturnOn('127.0.0.1', true);
    const datagrams = await DgramDatagrams.open();
    cleanups.push(() => datagrams.close());
    const run = async () => {
      const servers = [{ url: coturn.urls.udp, username: 'lab', sharedSecret: 'north' }];
      const relay = new TurnRelay(testNeeds(), { servers });
      const allocation = await relay.allocate(relay.servers[0]!, { datagrams, signal });
      cleanups.push(() => allocation.close());
      return allocation;
    };
    const left = await run();
    expect((await run()).relayedAddress).not.toEqual(left.relayedAddress);
  });

  it('is told when coturn ends', async () => {
    const coturn = await startCoturn('127.0.0.1', [], { streams: true });
    const datagrams = await DgramDatagrams.open();
    const servers = [{ url: coturn.urls.tcp, username: 'lab', credential: 'secret' }];
    const relay = new TurnRelay(testNeeds(), { servers });
    const allocation = await relay.allocate(relay.servers[0]!, { datagrams, signal });
    const lost: Error[] = [];
    allocation.onLost((error) => lost.push(error));
    await coturn.stop();
    await eventually('it is told', () => lost.length > 0);
    expect(lost).toMatchObject([{ code: 'TURN_RELAY' }]);
    await datagrams.close();
  });
});

describe.skipIf(reason)('TURN client with a coturn that refuses loopback peers', () => {
  it('learns of the 403 for this peer alone', async () => {
    const coturn = await startCoturn('127.0.0.1', ['--denied-peer-ip', '127.0.0.0-127.255.255.255']);
    const datagrams = await DgramDatagrams.open();
    const relay = new TurnRelay(testNeeds(), { servers: [{ url: coturn.url, username: 'lab', credential: 'secret' }] });
    try {
      const allocation = await relay.allocate(relay.servers[0]!, { datagrams, signal });
      const loopback = { family: 4, ip: '127.0.0.1', port: 9 } as const;
      const elsewhere = { family: 4, ip: '192.0.2.1', port: 9 } as const;
      const [refused, granted] = await Promise.allSettled([
        allocation.permit(loopback, { signal }),
        allocation.permit(elsewhere, { signal }),
      ]);
      expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'TURN_RELAY' } });
      expect(granted).toMatchObject({ status: 'fulfilled', value: { kind: 'channel' } });
      await allocation.close();
    } finally {
      await datagrams.close();
      await coturn.stop();
    }
  });
});
