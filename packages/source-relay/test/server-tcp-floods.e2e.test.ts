import { connect, type Socket } from 'node:net';
import { transportAddress } from '@wirepath/core/plugin';
import { encodeStunMessage } from '@wirepath/stun-codec';
import { afterEach, expect, it } from 'vitest';
import { StunTurnServer } from '../src/index.js';
import { eventually } from './eventually.js';
import { testNeeds } from './needs.js';
import { RawClient } from './raw-client.js';

const CONNECTIONS = 10_000;
/** At a time without an allocation: the default. */
const KEPT = 1024;

const running: { stop(): Promise<void> }[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(running.splice(0).map((each) => each.stop()));
});

async function start() {
  const turn = { listen: '127.0.0.1:0', realm: 'lab', users: { lab: 'secret' }, allowPeers: ['127.0.0.0/8'] };
  const server = new StunTurnServer(testNeeds(), { turn });
  running.push(server);
  await server.start({ signal: new AbortController().signal });
  const port = server.addresses().find(({ protocol }) => protocol === 'tcp')!.port;
  return { server, port };
}

/** Resolves when it is connected, or already closed again. */
function connection(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  sockets.add(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => sockets.delete(socket));
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket));
    socket.once('close', () => resolve(socket));
  });
}

/** Rejects where that takes longer than 5 s. */
async function answered(client: RawClient, bytes: Buffer): Promise<void> {
  const before = client.inbox.length;
  await client.send(bytes);
  await eventually('an answer', () => client.inbox.length > before);
}

async function allocated(port: number): Promise<{ client: RawClient; socket: Socket }> {
  const socket = await connection(port);
  const client = RawClient.over(socket, transportAddress('127.0.0.1', socket.localPort!));
  await answered(client, client.encode({ method: 'allocate', requestedTransport: 17 }));
  client.takeNonce();
  await answered(client, client.encode({ method: 'allocate', requestedTransport: 17 }));
  return { client, socket };
}

it(`${CONNECTIONS} connections over TCP, silent, half a message, floods: bounded, and a live session does not notice`, async () => {
  const { server, port } = await start();
  const { client, socket: live } = await allocated(port);
  expect(server.status()).toMatchObject({ allocations: 1, connections: 1 });
  const binding = encodeStunMessage({ class: 'request', method: 'binding', transactionId: Buffer.alloc(12, 1) });
  const says = [
    Buffer.alloc(0),
    binding.subarray(0, 10),
    Buffer.from('4000ffff', 'hex'),
    Buffer.from('GET /', 'ascii'),
  ];
  const before = process.memoryUsage().rss;
  let most = 0;
  for (let n = 0; n < CONNECTIONS; n += 100) {
    const some = await Promise.all(Array.from({ length: 100 }, () => connection(port)));
    for (const [i, socket] of some.entries()) socket.write(says[i % says.length]!);
    most = Math.max(most, Number(server.status()['connections']));
    if (n % 2000 === 0) await answered(client, client.encode({ method: 'refresh' }));
  }
  expect(most).toBeLessThanOrEqual(KEPT + 100);
  expect(live.destroyed).toBe(false);
  await answered(client, client.encode({ method: 'refresh' }));
  const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
  console.log(`${CONNECTIONS} connections: ${grownMiB.toFixed(1)} MiB more, ${most} held at most`);
  expect(grownMiB).toBeLessThan(150);
  expect(server.status()).toMatchObject({ allocations: 1 });
}, 60_000);

it('a client that floods and does not read costs so much, and others are served', async () => {
  const { server, port } = await start();
  const { client } = await allocated(port);
  const { client: rude, socket } = await allocated(port);
  socket.pause();
  const request = rude.encode({ method: 'refresh' });
  const flood = Buffer.concat(Array.from({ length: 500 }, () => request));
  const before = process.memoryUsage().rss;
  for (let n = 0; n < 400; n++) {
    socket.write(flood);
    if (n % 40 === 0) await answered(client, client.encode({ method: 'refresh' }));
  }
  const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
  console.log(`a flood of ${(flood.length * 400) / 2 ** 20} MiB: ${grownMiB.toFixed(1)} MiB more`);
  expect(grownMiB).toBeLessThan(150);
  expect(server.status()).toMatchObject({ allocations: 2, connections: 2 });
}, 60_000);
