import { describe, expect, it } from 'vitest';
import { relayRoom } from '../src/server/open-files.js';
import { settled } from './memory-network.js';
import { at } from './raw-client.js';
import { turnLab } from './turn-lab.js';

it.each([
  [1024, 100],
  [1024, 10_000],
  [20_000, 10_000],
  [65_536, 100],
  [130, 100],
])('of %i files there are enough for all that is let in, with %i allocations', (openFiles, maxAllocations) => {
  const { allocations, connections, handshakes } = relayRoom(openFiles, maxAllocations);
  expect(allocations + connections + handshakes).toBeLessThanOrEqual(Math.max(16, openFiles - 128));
  expect(Math.min(allocations, connections, handshakes)).toBeGreaterThan(0);
});

it('where the system does not say, the options hold', () => {
  expect(relayRoom(undefined, 7)).toEqual({ allocations: 7, connections: Infinity, handshakes: Infinity });
});

describe('a server that may have few files open', () => {
  const FILES = 228;
  const ROOM = relayRoom(FILES, 100);
  const open = () => turnLab({ edges: { openFiles: () => Promise.resolve(FILES) } });
  const connections = (lab: Awaited<ReturnType<typeof open>>) => lab.server.status()['connections'];

  it('says that it has not enough for its allocations, until a reload asks for less', async () => {
    const lab = await open();
    expect(lab.server.problems()).toEqual([
      expect.stringMatching(/^turn: the files that this process may have open \(228\) are enough for 75 allocations/),
    ]);
    lab.server.reload({ turn: { ...lab.turn, maxAllocations: 10 } });
    await settled();
    expect(lab.server.problems()).toEqual([]);
  });

  it('gives no more allocations than it has files for', async () => {
    const lab = await open();
    for (let n = 0; n < ROOM.allocations; n++) {
      const client = await lab.client(at(`198.51.100.${n + 10}`, 5000));
      expect((await client.allocate()).class).toBe('success');
    }
    expect((await (await lab.client()).allocate()).errorCode?.code).toBe(508);
  });

  it('ends silent connections for new ones, and none that has an allocation', async () => {
    const lab = await open();
    const { client } = lab.connect();
    await client.allocate();
    for (let n = 0; n < 50; n++) lab.connect(at('192.0.2.9', 1000 + n));
    await settled();
    expect(connections(lab)).toBeLessThanOrEqual(ROOM.connections);
    const { client: other } = lab.connect(at('192.0.2.77', 1));
    expect((await other.allocate()).class).toBe('success');
    expect((await client.request({ method: 'refresh' })).class).toBe('success');
  });

  it('refuses more when all have allocations, and says so', async () => {
    const lab = await open();
    for (let n = 0; n < ROOM.connections; n++) {
      const { client } = lab.connect(at(`198.51.100.${n + 10}`, 5000));
      expect((await client.allocate()).class).toBe('success');
    }
    const { stream } = lab.connect();
    stream.resume();
    await settled();
    expect(stream.destroyed).toBe(true);
    expect(lab.server.status()).toMatchObject({
      connections: ROOM.connections,
      connectionsOver: { tcp: ROOM.connections, tls: 0 },
      allocations: ROOM.connections,
      allocationsBy: { over: { udp: 0, tcp: ROOM.connections, tls: 0 }, relayed: { ipv4: ROOM.connections, ipv6: 0 } },
      endedConnections: { 'open-files': 1 },
    });
    expect(lab.server.problems().join()).toContain('turn over tcp: there are as many connections as this process may');
  });
});
