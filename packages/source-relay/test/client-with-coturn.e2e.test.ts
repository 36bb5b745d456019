import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Allocation } from '@wirepath/core/plugin';
import { TurnRelay } from '../src/index.js';
import { missing, startCoturn, type Coturn } from './coturn.js';
import { DgramDatagrams } from './dgram-datagrams.js';
import { echoPeer } from './echo-peer.js';
import { eventually } from './eventually.js';
import { testNeeds } from './needs.js';

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
