import { readFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { transportAddress } from '@wirepath/core/plugin';
import { afterEach, expect, it } from 'vitest';
import { StunTurnServer } from '../src/index.js';
import { eventually } from './eventually.js';
import { testNeeds } from './needs.js';
import { RawClient } from './raw-client.js';
import { fixture } from './stream-front.js';

const certificate = { certFile: fixture('test-only-server.crt'), keyFile: fixture('test-only-server.key') };

const running: { stop(): Promise<void> }[] = [];
afterEach(() => Promise.all(running.splice(0).map((each) => each.stop())));

async function start() {
  const turn = {
    listen: '127.0.0.1:0',
    tls: { listen: '127.0.0.1:0', ...certificate },
    realm: 'lab',
    users: { lab: 'secret' },
  };
  const server = new StunTurnServer(testNeeds(), { turn });
  running.push(server);
  await server.start({ signal: new AbortController().signal });
  const { port } = server.addresses().find(({ url }) => url.startsWith('turns:'))!;
  return { server, turn, port };
}

async function clientOver(port: number, ALPNProtocols?: string[]) {
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: await readFile(fixture('test-only-ca.crt')),
    servername: 'localhost',
    ...(ALPNProtocols && { ALPNProtocols }),
  });
  await once(socket, 'secureConnect');
  const client = RawClient.over(socket, transportAddress('127.0.0.1', socket.localPort!));
  const answered = async (bytes: Buffer) => {
    const before = client.inbox.length;
    await client.send(bytes);
    await eventually('an answer', () => client.inbox.length > before);
  };
  return { socket, client, answered };
}

it.each([
  ['ALPN stun.turn', ['stun.turn']],
  ['none', undefined],
])('TURN over TLS, with %s; the allocation ends with the connection', async (_what, names) => {
  const { server, port } = await start();
  const { socket, client, answered } = await clientOver(port, names);
  expect(socket.alpnProtocol).toBe(names?.[0] ?? false);
  const allocate = () => client.encode({ method: 'allocate', requestedTransport: 17 });
  await answered(allocate());
  client.takeNonce();
  await answered(allocate());
  expect(server.status()).toMatchObject({ allocations: 1, connections: 1 });
  expect(server.describe()).toContain(`turn 127.0.0.1:${port}/tls`);
  socket.destroy();
  await eventually('its end', () => server.status()['allocations'] === 0);
});

it('a certificate is read again, and whoever listens elsewhere needs a restart', async () => {
  const { server, turn } = await start();
  expect(server.reload({ turn })).toEqual([]);
  expect(server.reload({ turn: { ...turn, tls: { ...turn.tls, certFile: `${certificate.certFile}.new` } } })).toEqual(
    [],
  );
  expect(server.reload({ turn: { ...turn, tls: { ...turn.tls, listen: '127.0.0.1:1' } } })).toEqual([
    'turn.tls has changed',
  ]);
});

it('draining, it takes no new connections over TLS either', async () => {
  const { server, port } = await start();
  const { client, answered, socket } = await clientOver(port);
  const allocate = () => client.encode({ method: 'allocate', requestedTransport: 17 });
  await answered(allocate());
  client.takeNonce();
  await answered(allocate());
  const drained = server.drain({ withinMs: 60_000 });
  await expect(clientOver(port)).rejects.toThrow('ECONNREFUSED');
  expect(server.status()).toMatchObject({ allocations: 1, connectionsOver: { tcp: 0, tls: 1 } });
  socket.destroy();
  await drained;
});

it('stops beside a TLS handshake that was not finished', async () => {
  const { server, port } = await start();
  const half = connectTcp({ port, host: '127.0.0.1' });
  half.on('error', () => undefined);
  await once(half, 'connect');
  half.write(Buffer.from('1603010200', 'hex'));
  await server.stop();
  await eventually('its end', () => half.destroyed || half.readableEnded);
});

it('a session goes on beside 200 TLS handshakes that are half done', async () => {
  const { server, port } = await start();
  const { client, answered } = await clientOver(port);
  const allocate = () => client.encode({ method: 'allocate', requestedTransport: 17 });
  await answered(allocate());
  client.takeNonce();
  await answered(allocate());
  const half = await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      const socket = connectTcp({ port, host: '127.0.0.1' });
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(Buffer.from(['', '16', '1603010200', '160301020001'][n % 4]!, 'hex'));
      return socket;
    }),
  );
  await answered(client.encode({ method: 'refresh' }));
  // Only who has done its handshake is a client.
  expect(server.status()).toMatchObject({ allocations: 1, connections: 1 });
  await server.stop();
  await eventually('their end', () => half.every((socket) => socket.destroyed || socket.readableEnded));
});

it('a client over TLS that does not read costs so much, and others are served', async () => {
  const { server, port } = await start();
  const [rude, client] = [await clientOver(port), await clientOver(port)];
  for (const each of [rude, client]) {
    const allocate = () => each.client.encode({ method: 'allocate', requestedTransport: 17 });
    await each.answered(allocate());
    each.client.takeNonce();
    await each.answered(allocate());
  }
  rude.socket.pause();
  const flood = Buffer.concat(Array.from({ length: 500 }, () => rude.client.encode({ method: 'refresh' })));
  const before = process.memoryUsage().rss;
  for (let n = 0; n < 100; n++) {
    rude.socket.write(flood);
    if (n % 20 === 0) await client.answered(client.client.encode({ method: 'refresh' }));
  }
  await client.answered(client.client.encode({ method: 'refresh' }));
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(150);
  expect(server.status()).toMatchObject({ allocations: 2, connections: 2 });
});
