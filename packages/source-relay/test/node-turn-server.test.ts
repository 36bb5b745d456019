import { afterEach, describe, expect, it } from 'vitest';
import { transportAddress } from '@wirepath/core/plugin';
import { NodeTurnServer, TurnRelay } from '../src/index.js';
import { DgramDatagrams } from './dgram-datagrams.js';
import { echoPeer } from './echo-peer.js';
import { eventually } from './eventually.js';
import { freeUdpPort } from './free-udp-port.js';
import { testNeeds } from './needs.js';

const { signal } = new AbortController();
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start() {
  const port = await freeUdpPort('127.0.0.1');
  const server = new NodeTurnServer(testNeeds(), {
    turn: { listen: `127.0.0.1:${port}`, realm: 'lab', users: { lab: 'secret' }, engine: 'node-turn' },
  });
  await server.start({ signal });
  cleanups.push(() => server.stop());
  return { server, url: `turn:127.0.0.1:${port}` };
}

async function client(url: string, { username = 'lab', credential = 'secret' } = {}) {
  const datagrams = await DgramDatagrams.open();
  cleanups.push(() => datagrams.close());
  const relay = new TurnRelay(testNeeds(), { servers: [{ url, username, credential }] });
  return { datagrams, allocate: () => relay.allocate(relay.servers[0]!, { datagrams, signal }) };
}

describe('the node-turn adapter', () => {
  it('relays both ways by indications, because it has no channels', async () => {
    const { url } = await start();
    const { datagrams, allocate } = await client(url);
    const peer = await echoPeer();
    cleanups.push(() => peer.close());
    const allocation = await allocate();
    const framing = await allocation.permit(peer.address, { signal });
    expect(framing.kind).toBe('stream');
    datagrams.send({ kind: 'relayed', framing, remote: peer.address }, Buffer.from('to the peer'));
    await eventually('the peer has it', () => peer.received.some(({ text }) => text === 'to the peer'));
    peer.send('from the peer', allocation.relayedAddress);
    await eventually('the client has it', () => datagrams.received.some(({ text }) => text === 'from the peer'));
    await allocation.close();
  });

  it('keeps the allocation on Refresh and deletes it on Refresh 0', async () => {
    const { server, url } = await start();
    const { allocate } = await client(url);
    const allocation = await allocate();
    expect(await allocation.refresh({ signal })).toBe(true);
    expect(server.status()).toMatchObject({ allocations: 1 });
    await allocation.close();
    expect(server.status()).toMatchObject({ allocations: 0 });
  });

  it.each([0, 1, 3])('survives a datagram of %i bytes from a permitted peer', async (length) => {
    const { url } = await start();
    const { datagrams, allocate } = await client(url);
    const peer = await echoPeer();
    cleanups.push(() => peer.close());
    const allocation = await allocate();
    await allocation.permit(peer.address, { signal });
    peer.send(Buffer.alloc(length, 0x40), allocation.relayedAddress);
    peer.send('still alive', allocation.relayedAddress);
    await eventually('data', () => datagrams.received.some(({ text }) => text === 'still alive'));
    await allocation.close();
  });

  it('lets nobody in by the name of a property', async () => {
    const { url } = await start();
    const { allocate } = await client(url, {
      username: 'constructor',
      credential: 'function Object() { [native code] }',
    });
    await expect(allocate()).rejects.toMatchObject({ code: 'TURN_RELAY' });
  });

  it.each([['203.0.113.10:3478'], ['0.0.0.0:3478'], [['127.0.0.1:3478', '10.0.0.1:3478']]])(
    'is refused on %j',
    (listen) => {
      expect(() => new NodeTurnServer(testNeeds(), { turn: { listen, engine: 'node-turn' } })).toThrowError(
        expect.objectContaining({ code: 'CONFIG' }),
      );
    },
  );

  it('stops within a moment, allocations and all', async () => {
    const { server, url } = await start();
    const { allocate } = await client(url);
    const allocation = await allocate();
    const startedAtMs = performance.now();
    await server.stop();
    await server.stop();
    expect(performance.now() - startedAtMs).toBeLessThan(1000);
    // Its relayed port is free again.
    const { ip, port } = transportAddress(allocation.relayedAddress.ip, allocation.relayedAddress.port);
    const again = await DgramDatagrams.open(ip, port);
    await again.close();
    await allocation.close();
  });
});
