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

it('stops beside a TLS handshake that was not finished', async () => {
  const { server, port } = await start();
  const half = connectTcp({ port, host: '127.0.0.1' });
  half.on('error', () => undefined);
  await once(half, 'connect');
  half.write(Buffer.from('1603010200', 'hex'));
  await server.stop();
  await eventually('its end', () => half.destroyed || half.readableEnded);
});
