import { openUdpSocket, transportAddress } from '@wirepath/core/plugin';
import { encodeStunMessage } from '@wirepath/stun-codec';
import { afterEach, expect, it } from 'vitest';
import { StunTurnServer } from '../src/index.js';
import { eventually } from './eventually.js';
import { testNeeds } from './needs.js';
import { at, RawClient } from './raw-client.js';

const REQUESTS = 100_000;
/** As many as the kernel's buffer takes at once. */
const AT_ONCE = 100;

const running: (() => Promise<void>)[] = [];
afterEach(() => Promise.all(running.splice(0).map((end) => end())));

async function start() {
  const turn = { listen: '127.0.0.1:0', realm: 'lab', users: { lab: 'secret' }, allowPeers: ['127.0.0.0/8'] };
  const server = new StunTurnServer(testNeeds(), { turn });
  running.push(() => server.stop());
  await server.start({ signal: new AbortController().signal });
  const { port } = server.addresses().find(({ protocol }) => protocol === 'udp')!;
  return { server, address: at('127.0.0.1', port) };
}

async function socketOn(ip: string, receive: (bytes: Buffer) => void = () => undefined) {
  const socket = await openUdpSocket({ family: 4, address: ip, bufferSizeBytes: 4 * 1024 * 1024 });
  socket.on('message', receive);
  const close = () => new Promise<void>((resolve) => socket.close(() => resolve()));
  running.push(close);
  return {
    local: transportAddress(ip, socket.address().port),
    send: (bytes: Uint8Array, toIp: string, port: number) => socket.send(bytes, port, toIp),
    close,
  };
}

async function answered(client: RawClient, bytes: Buffer): Promise<void> {
  const before = client.inbox.length;
  await client.send(bytes);
  await eventually('an answer', () => client.inbox.length > before);
}

it(`${REQUESTS} requests without credentials over UDP: nothing is kept of them, and a live session does not notice`, async () => {
  const { server, address } = await start();
  const inbox: Buffer[] = [];
  const own = await socketOn('127.0.0.1', (bytes) => inbox.push(bytes));
  const client = await RawClient.open(
    {
      open: (_local, receive) => {
        setInterval(() => inbox.splice(0).forEach((bytes) => receive(bytes, address.ip, address.port)), 1).unref();
        return Promise.resolve(own);
      },
      send: ({ to, bytes }) => void own.send(bytes, to.ip, to.port),
    },
    address,
    own.local,
  );
  const allocate = () => client.encode({ method: 'allocate', requestedTransport: 17 });
  await answered(client, allocate());
  client.takeNonce();
  await answered(client, allocate());
  const attackers = await Promise.all(Array.from({ length: 5 }, (_, n) => socketOn(`127.0.1.${n + 1}`)));
  const transactionId = Buffer.alloc(12, 1);
  const floods = [
    encodeStunMessage({ class: 'request', method: 'allocate', transactionId, requestedTransport: 17 }),
    encodeStunMessage({ class: 'request', method: 'refresh', transactionId, lifetimeSeconds: 0 }),
    encodeStunMessage({ class: 'request', method: 'binding', transactionId }),
  ];
  const before = process.memoryUsage().rss;
  for (let n = 0; n < REQUESTS; n++) {
    attackers[n % attackers.length]!.send(floods[n % floods.length]!, address.ip, address.port);
    if (n % AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    if (n % 10_000 === 0) await answered(client, client.encode({ method: 'refresh' }));
  }
  await answered(client, client.encode({ method: 'refresh' }));
  const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
  const status = server.status();
  const { 'rate-limited': limited = 0 } = status['drops'] as Record<string, number>;
  console.log(`${REQUESTS} requests: ${limited} not answered, ${grownMiB.toFixed(1)} MiB more`);
  expect(limited).toBeGreaterThan(REQUESTS / 10);
  expect(grownMiB).toBeLessThan(100);
  expect(status).toMatchObject({ allocations: 1, users: 1 });
}, 60_000);
