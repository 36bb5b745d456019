import { get } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '../src/protocol/message.js';
import { CLOSE_CODES, SUBPROTOCOL } from '../src/protocol/rendezvous-v1.js';
import { rawSocket, registeredSocket } from './raw-socket.js';
import { absentKey, isUp, Stage, tlsSection, until } from './support.js';

const stage = new Stage();
afterEach(() => stage.clear());

describe('hostile or broken clients', () => {
  it('a message before the registration ends the connection', async () => {
    const { server, url } = await stage.server();
    const { socket, closed } = await rawSocket(stage, url);
    socket.send(encodeFrame({ type: 'publish', to: absentKey(), sealed: Buffer.of(1) }));
    expect(await closed).toBe(CLOSE_CODES.violation);
    expect(server.status()).toMatchObject({ forwarded: 0, closed: { violation: 1 } });
  });

  it('no registration within the deadline ends the connection', async () => {
    const { server, url } = await stage.server(undefined, { registrationDeadlineMs: 100 });
    const { closed } = await rawSocket(stage, url);
    expect(await closed).toBe(CLOSE_CODES.tooLate);
    expect(server.status()).toMatchObject({ unproven: 0, closed: { tooLate: 1 } });
  });

  it('a frame that is too long ends the connection', async () => {
    const { server, url } = await stage.server();
    const { socket, closed } = await registeredSocket(stage, url);
    socket.send(Buffer.alloc(20_000, 4));
    expect(await closed).toBe(1009);
    expect(server.status()).toMatchObject({ clients: 0, dropped: { 'oversize-or-broken-frame': 1 } });
  });

  it('malformed and text frames are counted, and the connection goes on', async () => {
    const { server, url } = await stage.server();
    const b = await stage.client(url);
    await until(() => isUp(b), 'b up');
    const { socket } = await registeredSocket(stage, url);
    socket.send('text');
    socket.send(Buffer.alloc(0));
    socket.send(Buffer.of(99, 1, 2));
    socket.send(encodeFrame({ type: 'publish', to: b.publicKey, sealed: Buffer.from('x') }));
    await until(() => b.received.length === 1, 'the message');
    expect(server.status()).toMatchObject({ dropped: { malformed: 3 } });
  });

  it('what is past the rate is dropped and counted', async () => {
    const rate = { messagesPerSecond: 1, messageBurst: 20, bytesPerSecond: 100_000, byteBurst: 100_000 };
    const { server, url } = await stage.server(undefined, { rate });
    const { socket, frames } = await registeredSocket(stage, url);
    for (let i = 0; i < 50; i++) socket.send(encodeFrame({ type: 'publish', to: absentKey(), sealed: Buffer.of(1) }));
    const dropped = () => server.status()['dropped'] as Record<string, number>;
    await until(() => (dropped()['rate'] ?? 0) + (dropped()['undeliverable'] ?? 0) === 50, 'all fifty');
    // A token or two may drip in on the way.
    expect(dropped()['rate']).toBeGreaterThan(25);
    await until(() => frames.length === 2 + dropped()['undeliverable']!, 'the answers');
  });

  it('a reader that reads nothing costs its own queue only, and is cut off; others go on', async () => {
    const rate = { messagesPerSecond: 1e5, messageBurst: 1e5, bytesPerSecond: 1e8, byteBurst: 1e8 };
    const limits = { maxQueuedBytes: 64 * 1024, slowReaderMs: 1000, rate };
    const { server, url } = await stage.server(undefined, limits);
    const slow = await registeredSocket(stage, url);
    const other = await stage.client(url);
    const sender = await stage.client(url);
    await until(() => isUp(other) && isUp(sender), 'both up');
    slow.socket.pause();
    const payload = Buffer.alloc(16 * 1024);
    const isCutOff = () => {
      sender.client.publish(slow.publicKey, payload);
      expect(server.status()['queuedBytes']).toBeLessThanOrEqual(3 * limits.maxQueuedBytes);
      return server.status()['clients'] === 2;
    };
    // First the kernel's buffers fill, whatever their size here.
    await until(isCutOff, 'the slow one is cut off', 15_000);
    expect(server.status()).toMatchObject({ closed: { 'slow-reader': 1 } });
    sender.client.publish(other.publicKey, Buffer.from('x'));
    await until(() => other.received.length === 1, 'the message');
  }, 20_000);

  it('bytes that are no HTTP, no TLS, or no WebSocket harm nobody', async () => {
    const plain = await stage.server();
    const tls = await stage.server({ tls: tlsSection() });
    const upgrade = (protocol: string) =>
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${protocol}\r\n`;
    const ours = upgrade(`Sec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n`);
    const inputs = [
      '',
      '\0',
      'x',
      '\x16\x03\x01\xff\xff',
      'GET / HTTP/9\r\n\r\n',
      upgrade(''),
      ours,
      `${ours}\xff\xff\xff`,
      `${ours}\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff`,
    ];
    for (const { url } of [plain, tls]) {
      for (const input of inputs) {
        const socket = connect(Number(new URL(url).port), '127.0.0.1');
        socket.on('error', () => undefined);
        await new Promise<void>((resolve) => socket.write(Buffer.from(input, 'latin1'), () => resolve()));
        socket.end();
        socket.resume();
        stage.alsoStop(async () => void socket.destroy());
      }
    }
    const a = await stage.client([plain.url, tls.url], { caFile: 'test-only-ca.crt' });
    await until(() => isUp(a), 'an honest client');
    await until(() => plain.server.status()['connections'] === 1, 'the others gone', 8000);
  });
});

describe('plain HTTP', () => {
  it.each([
    ['/healthz', 200, 'ok\n'],
    ['/', 426, 'This is a rendezvous server: it speaks WebSocket, subprotocol rendezvous.v1.\n'],
    ['//healthz', 426, expect.any(String)],
  ])('GET %s is answered %i', async (path, status, body) => {
    const { url } = await stage.server();
    const { port } = new URL(url);
    const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      get({ host: '127.0.0.1', port, path }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode, body: text }));
      }).on('error', reject);
    });
    expect(answer).toEqual({ status, body });
  });
});
