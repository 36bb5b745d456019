import { connect } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '../src/protocol/message.js';
import { CLOSE_CODES } from '../src/protocol/rendezvous-v1.js';
import { rawSocket, registeredSocket } from './raw-socket.js';
import { isUp, Stage, testIdentity, until } from './support.js';

const stage = new Stage();
afterEach(() => stage.clear());

type Server = Awaited<ReturnType<Stage['server']>>['server'];
const problemsOf = (server: Server) => server.problems().join('\n');
const counter = (server: Server, group: 'closed' | 'dropped', name: string) =>
  (server.status()[group] as Record<string, number>)[name] ?? 0;

/** Two clients that keep to the protocol, on addresses of their own as far as the server can tell. */
async function honestPair(url: string) {
  const [a, b] = [await stage.client(url), await stage.client(url)];
  await until(() => isUp(a) && isUp(b), 'both up');
  /** Sends one after the other; all of them must arrive. */
  const exchange = async (count: number, what: string) => {
    for (let i = 0; i < count; i++) {
      const before = b.received.length;
      a.client.publish(b.publicKey, Buffer.from(String(i)));
      await until(() => b.received.length > before, `${what}: message ${i} of ${count}`);
    }
  };
  return { a, b, exchange };
}

describe('with honest clients beside them', () => {
  it('receivers that never read fill the memory for messages, and starve nobody', async () => {
    const rate = { messagesPerSecond: 1e6, messageBurst: 1e6, bytesPerSecond: 1e9, byteBurst: 1e9 };
    const { server, url } = await stage.server(undefined, { rate, maxQueuedBytesTotal: 4 * 1024 * 1024 });
    const { exchange } = await honestPair(url);
    const attacker = await registeredSocket(stage, url, '127.0.0.66');
    const deaf = await Promise.all(Array.from({ length: 20 }, () => registeredSocket(stage, url, '127.0.0.66')));
    for (const { socket } of deaf) socket.pause();
    const large = Buffer.alloc(16 * 1024);
    const frames = deaf.map(({ publicKey }) => encodeFrame({ type: 'publish', to: publicKey, sealed: large }));
    // First the kernel's buffers fill, whatever their size here.
    for (let round = 0; counter(server, 'closed', 'largest-queue') === 0; round++) {
      expect(round).toBeLessThan(2000);
      for (const frame of frames) attacker.socket.send(frame);
      await exchange(1, 'meanwhile');
    }
    await exchange(20, 'afterwards');
    expect(Number(server.status()['queuedBytes'])).toBeLessThanOrEqual(4 * 1024 * 1024);
    await until(() => problemsOf(server) !== '', 'a problem');
    expect(problemsOf(server)).toMatch(/memory for messages \(4 MiB\) was full: \d+ clients? with the most/);
    const told = stage.log.filter(({ message }) => message.includes('memory for messages'));
    expect(told).toHaveLength(1);
    // Those who read again are told why they were disconnected.
    for (const { socket } of deaf) socket.resume();
    const codes = await Promise.race(deaf.map(({ closed }) => closed));
    expect([CLOSE_CODES.slowReader, 1006]).toContain(codes);
  }, 60_000);

  it('five addresses that took every place keep nobody else out', async () => {
    const { server, url } = await stage.server({ listen: '127.0.0.1:0', maxClients: 40 });
    const attackers = [];
    for (let i = 0; i < 40; i++) attackers.push(await registeredSocket(stage, url, `127.0.0.${10 + (i % 5)}`));
    const { exchange } = await honestPair(url);
    for (let i = 0; i < 20; i++) await rawSocket(stage, url, `127.0.0.${10 + (i % 5)}`);
    await exchange(20, 'beside them');
    expect(server.status()).toMatchObject({ clients: 40, closed: { 'group-share': 2 } });
    expect(await Promise.race(attackers.map(({ closed }) => closed))).toBe(CLOSE_CODES.full);
    await until(() => problemsOf(server).includes('all 40 places were taken: 2 clients'), 'a problem');
  });

  it.each([
    ['say nothing', ''],
    ['never end their headers', 'GET / HTTP/1.1\r\nHost: x\r\nX: '],
  ])('connections that %s push out each other, and are gone soon', async (_what, text) => {
    const { server, url } = await stage.server(undefined, { maxHandshakes: 30, handshakeDeadlineMs: 1500 });
    const flood = () => {
      const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress: '127.0.0.77' });
      socket.on('error', () => undefined);
      if (text !== '') socket.write(text);
      stage.alsoStop(async () => void socket.destroy());
    };
    for (let i = 0; i < 200; i++) flood();
    await until(() => counter(server, 'dropped', 'handshakes') >= 150, 'the flood');
    const { a, exchange } = await honestPair(url);
    for (let i = 0; i < 200; i++) flood();
    await exchange(20, 'beside them');
    expect(isUp(a)).toBe(true);
    expect(Number(server.status()['handshakes'])).toBeLessThanOrEqual(30);
    await until(() => server.status()['handshakes'] === 0 && server.status()['connections'] === 2, 'only two left');
    expect(problemsOf(server)).toContain('had said nothing yet');
  });

  it('who does not register pushes out its own kind', async () => {
    const { server, url } = await stage.server(undefined, { maxUnproven: 20 });
    const { exchange } = await honestPair(url);
    for (let i = 0; i < 60; i++) await rawSocket(stage, url, `127.0.0.${100 + (i % 3)}`);
    const late = await stage.client(url);
    await until(() => isUp(late), 'one more honest client');
    await exchange(20, 'beside them');
    expect(counter(server, 'closed', 'evicted')).toBeGreaterThanOrEqual(40);
    expect(Number(server.status()['unproven'])).toBeLessThanOrEqual(20);
  });

  it('who registers and vanishes leaves nothing', async () => {
    const { server, url } = await stage.server();
    const { exchange } = await honestPair(url);
    for (let i = 0; i < 60; i++) {
      const { socket } = await registeredSocket(stage, url, '127.0.0.88');
      if (i % 2 === 0) socket.terminate();
      else socket.close();
      if (i % 20 === 0) await exchange(1, 'meanwhile');
    }
    await until(() => server.status()['connections'] === 2, 'they are gone');
    await exchange(20, 'afterwards');
    expect(server.status()).toMatchObject({ clients: 2, unproven: 0, handshakes: 0, queuedBytes: 0 });
  });

  it('an address that connects again and again is refused where loopback is held to it', async () => {
    const connectionRate = { perSecond: 1, burst: 20 };
    const { server, url } = await stage.server(undefined, { connectionRate, limitsLoopback: true });
    const { exchange } = await honestPair(url);
    const attempts = Array.from({ length: 60 }, () =>
      rawSocket(stage, url, '127.0.0.99').then(
        () => true,
        () => false,
      ),
    );
    const taken = (await Promise.all(attempts)).filter(Boolean).length;
    expect(taken).toBeGreaterThanOrEqual(20);
    expect(taken).toBeLessThan(40);
    expect(counter(server, 'dropped', 'ip-connection-rate')).toBe(60 - taken);
    await exchange(20, 'beside it');
  });

  it('pings of somebody who does not read heap up nothing', async () => {
    const rate = { messagesPerSecond: 1e6, messageBurst: 1e6, bytesPerSecond: 1e9, byteBurst: 1e9 };
    const { url } = await stage.server(undefined, { rate });
    const { exchange } = await honestPair(url);
    const { socket } = await registeredSocket(stage, url, '127.0.0.55');
    let pongs = 0;
    socket.on('pong', () => (pongs += 1));
    socket.pause();
    for (let i = 0; i < 5000; i++) socket.ping(Buffer.alloc(125));
    await exchange(5, 'meanwhile');
    socket.resume();
    await until(() => pongs > 0, 'a pong');
    expect(pongs).toBeLessThan(5000);
  });
});

describe('admitted keys', () => {
  const folder = mkdtempSync(join(tmpdir(), 'allow-'));
  const allowFile = join(folder, 'keys');
  afterAll(() => rmSync(folder, { recursive: true }));
  const errorOf = ({ client }: Awaited<ReturnType<Stage['client']>>) => client.states()[0]?.error ?? '';

  it('others are refused, and their status says why and what helps; a reload admits and ends', async () => {
    const [one, two] = [testIdentity(), testIdentity()];
    const listen = '127.0.0.1:0';
    const { server, url } = await stage.server({ listen, allow: [one.publicKey] });
    const a = await stage.client(url, { identity: one });
    const b = await stage.client(url, { identity: two });
    await until(() => isUp(a), 'a up');
    await until(() => errorOf(b).includes('admits only keys that it knows'), 'b is told');
    expect(errorOf(b)).toContain('ask whoever runs it to add the public key of this node to `allow`');
    expect(server.status()).toMatchObject({ clients: 1, unproven: 0 });

    writeFileSync(allowFile, `# who may\r\n\n  ${two.publicKey} # b\n`);
    server.reload({ rendezvous: { listen, allowFile } });
    await until(() => errorOf(a).includes('admits only keys'), 'a is ended');
    await until(() => isUp(b), 'b up', 20_000);

    server.reload({ rendezvous: { listen } });
    await until(() => isUp(a) && isUp(b), 'both', 20_000);
  }, 60_000);

  it('a list that cannot be read leaves everything as it was, and a start fails with the line', async () => {
    const one = testIdentity();
    writeFileSync(allowFile, `${one.publicKey}\nnot a key\n`);
    await expect(stage.server({ listen: '127.0.0.1:0', allowFile })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining(`${allowFile}:2: expected one public key a line`) as string,
    });
    const { server, url } = await stage.server({ listen: '127.0.0.1:0', allow: [one.publicKey] });
    const a = await stage.client(url, { identity: one });
    await until(() => isUp(a), 'a up');
    server.reload({ rendezvous: { listen: '127.0.0.1:0', allowFile } });
    await until(() => stage.log.some(({ message }) => message.includes('stays as it was')), 'the error');
    const b = await stage.client(url);
    await until(() => errorOf(b).includes('admits only'), 'b is refused');
    expect(isUp(a)).toBe(true);
  });

  it('a list of nobody admits nobody', async () => {
    const { url } = await stage.server({ listen: '127.0.0.1:0', allow: [] });
    const a = await stage.client(url);
    await until(() => errorOf(a).includes('admits only'), 'refused');
  });
});
