import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:tls';
import { createIdentity, formatKey, generatePrivateKey } from '@wirepath/core';
import { afterEach, expect, it } from 'vitest';
import { eventually } from './eventually.js';
import { freeUdpPort } from './free-udp-port.js';
import { ForegroundCommand, patientClient } from './serve-command.js';
import { fixture } from './stream-front.js';

const running: ForegroundCommand[] = [];
afterEach(() => Promise.all(running.splice(0).map((each) => each.end())));

const CA = { 'ca.crt': await readFile(fixture('test-only-ca.crt'), 'utf8') };

async function start(...args: Parameters<typeof ForegroundCommand.start>): Promise<ForegroundCommand> {
  const started = await ForegroundCommand.start(...args);
  running.push(started);
  return started;
}

/** TURN and rendezvous on one address with TLS. */
async function serve() {
  const port = await freeUdpPort('127.0.0.1');
  const tls = { listen: `127.0.0.1:${port}`, certFile: './server.crt', keyFile: './server.key' };
  const users = { realm: 'lab', users: { lab: 'secret' }, allowPeers: ['127.0.0.0/8'] };
  const files = {
    'server.crt': await readFile(fixture('test-only-server.crt'), 'utf8'),
    'server.key': await readFile(fixture('test-only-server.key'), 'utf8'),
  };
  const other = await freeUdpPort('127.0.0.1');
  const turn = { listen: `127.0.0.1:${other}`, ...users, tls };
  const server = await start('serve', { server: { turn, rendezvous: { tls } } }, { files });
  return { server, port };
}

it('two nodes find each other by the rendezvous and meet at the relay, both at one port', async () => {
  const { server, port } = await serve();
  const keys = { a: generatePrivateKey(), b: generatePrivateKey() };
  const node = (own: 'a' | 'b', other: 'a' | 'b') => {
    const relay = { url: `turns:127.0.0.1:${port}`, username: 'lab', credential: 'secret', caFile: './ca.crt' };
    const content = {
      privateKeyFile: './own.key',
      interface: `wp${own}`,
      addresses: [`10.77.0.${own === 'a' ? 1 : 2}/24`],
      plugins: [
        ['@wirepath/source-relay', { servers: [relay] }],
        ['@wirepath/transport-wg', { tun: false }],
        ['@wirepath/signaling-rendezvous', { url: `wss://127.0.0.1:${port}`, caFile: './ca.crt' }],
      ],
      peers: [
        {
          name: other,
          publicKey: createIdentity(keys[other]).publicKey,
          allowedIps: [`10.77.0.${other === 'a' ? 1 : 2}/32`],
        },
      ],
    };
    return start('up', content, { files: { ...CA, 'own.key': `${formatKey(keys[own])}\n` } });
  };
  const [a, b] = await Promise.all([node('a', 'b'), node('b', 'a')]);
  await eventually(
    'the two to be connected',
    () => a.output.includes('peer b is relayed') && b.output.includes('peer a is relayed'),
    20_000,
  );
  const figures = Object.assign({}, ...server.status().parts.map((part) => part.figures)) as object;
  expect(figures).toMatchObject({ clients: 2, allocationsBy: { over: { udp: 0, tcp: 0, tls: 2 } } });
});

it('a client that names no protocol, and whose first bytes come one at a time, gets its allocation', async () => {
  const { port } = await serve();
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: CA['ca.crt'] });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  const patient = patientClient(socket);
  const first = patient.client.encode({ method: 'allocate', requestedTransport: 17 });
  for (const byte of first) {
    socket.write(Buffer.of(byte));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await eventually('the challenge', () => patient.client.inbox.length > 0);
  patient.client.takeNonce();
  expect((await patient.allocate())?.class).toBe('success');
  socket.destroy();
});

it('a browser gets a short answer', async () => {
  const { port } = await serve();
  const request = httpsRequest({ port, host: '127.0.0.1', servername: 'localhost', ca: CA['ca.crt'] }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const some of response) text += String(some);
  expect(response.statusCode).toBe(426);
  expect(text).toMatch(/^This is a rendezvous server: .{1,100}\n$/);
});
