import { readFile } from 'node:fs/promises';
import { get } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { RendezvousClient } from '../src/client/rendezvous-client.js';
import { decodeMessage, encodeMessage } from '../src/protocol/message.js';
import { publicKeyText } from '../src/protocol/public-key.js';
import { CLOSE_CODES, SUBPROTOCOL } from '../src/protocol/rendezvous-v1.js';
import { RendezvousServer } from '../src/server/rendezvous-server.js';
import { fixturePath, isUp, serverNeeds, Stage, systemRandom, testIdentity, textOf, until } from './support.js';

const stage = new Stage();
afterEach(() => stage.clear());

const absent = () => publicKeyText(systemRandom.bytes(32));
const signal = new AbortController().signal;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

describe('two clients and a server over loopback', () => {
  it('carries bytes both ways, and says whose they are', async () => {
    const { server, url } = await stage.server();
    const a = await stage.client(url);
    const b = await stage.client(url);
    await until(() => isUp(a) && isUp(b), 'both up');
    a.client.publish(b.publicKey, Buffer.from('to b'));
    b.client.publish(a.publicKey, Buffer.from('to a'));
    await until(() => a.received.length + b.received.length === 2, 'both messages');
    expect(a.received).toEqual([{ from: b.publicKey, sealed: new Uint8Array(Buffer.from('to a')) }]);
    expect(b.received).toEqual([{ from: a.publicKey, sealed: new Uint8Array(Buffer.from('to b')) }]);
    expect(server.status()).toMatchObject({ clients: 2, unproven: 0, forwarded: 2, queuedBytes: 0 });
  });

  it('carries what was published before the connection was up, only the newest per recipient', async () => {
    const { url } = await stage.server();
    const b = await stage.client(url);
    await until(() => isUp(b), 'b up');
    const a = await stage.client(url);
    for (const text of ['old', 'older', 'newest']) a.client.publish(b.publicKey, Buffer.from(text));
    await until(() => b.received.length > 0, 'the message');
    expect(b.received.map(textOf)).toEqual(['newest']);
  });

  it('tells who is absent, and when they come', async () => {
    const { url } = await stage.server();
    const late = testIdentity();
    const a = await stage.client(url);
    a.client.publish(late.publicKey, Buffer.from('anybody there?'));
    await until(() => a.undeliverable.length === 1, 'undeliverable');
    expect(a.undeliverable).toEqual([late.publicKey]);
    expect(a.available).toEqual([]);
    const b = await stage.client(url, { identity: late });
    await until(() => a.available.length === 1, 'available');
    expect(a.available).toEqual([late.publicKey]);
    a.client.publish(late.publicKey, Buffer.from('there you are'));
    await until(() => b.received.length === 1, 'the message');
    expect(b.received.map(textOf)).toEqual(['there you are']);
  });

  it('starts in any order: clients wait for a server that is not there yet', async () => {
    const port = await freePort();
    const url = `ws://127.0.0.1:${port}`;
    const a = await stage.client(url);
    await until(() => a.client.states()[0]?.error !== undefined, 'a failure');
    expect(a.client.states()).toMatchObject([{ url, state: 'down', error: 'connection refused (ECONNREFUSED)' }]);
    await stage.server({ listen: `127.0.0.1:${port}` });
    await until(() => isUp(a), 'a up');
    expect(a.client.states()[0]).not.toHaveProperty('error');
  });

  it('both families, and a name that has both', async () => {
    const port = await freePort();
    const { server } = await stage.server({ listen: [`127.0.0.1:${port}`, `[::1]:${port}`] });
    expect(server.describe()).toEqual([`rendezvous ws://127.0.0.1:${port}`, `rendezvous ws://[::1]:${port}`]);
    const client = await stage.client([`ws://127.0.0.1:${port}`, `ws://[::1]:${port}`, `ws://localhost:${port}`]);
    // One key, three connections to one server: each replaces the one before, the last one stays.
    const isOnlyOneUp = () => client.client.states().filter(({ state }) => state === 'up').length === 1;
    await until(() => isOnlyOneUp() && server.status()['registrations'] === 3, 'all three registered in turn');
  });

  it('is up within a moment of start, which itself waits for nothing', async () => {
    const { url } = await stage.server();
    const client = new RendezvousClient({ ...serverNeeds(), identity: testIdentity() }, { urls: [url] });
    const states: string[] = [];
    client.onStateChange((all) => states.push(all.map(({ state }) => state).join()));
    await client.start({ signal });
    expect(client.states()).toMatchObject([{ url, state: 'connecting' }]);
    await until(() => client.states()[0]?.state === 'up', 'up', 1000);
    await client.stop();
    expect(states).toEqual(['connecting', 'up', 'down']);
  });
});

describe('a registration', () => {
  it('is replaced by the next one of its key, and says so', async () => {
    const { url } = await stage.server();
    const identity = testIdentity();
    const sender = await stage.client(url);
    const first = await stage.client(url, { identity });
    await until(() => isUp(sender) && isUp(first), 'both up');
    const second = await stage.client(url, { identity });
    await until(() => isUp(second) && !isUp(first), 'replaced');
    expect(first.client.states()).toMatchObject([{ state: 'down', error: 'another node registered with this key' }]);
    sender.client.publish(identity.publicKey, Buffer.from('x'));
    await until(() => second.received.length === 1, 'the message');
    expect(first.received).toEqual([]);
  });

  it('comes back by itself when the server was killed and runs again on the same port', async () => {
    const { server, url } = await stage.server();
    const a = await stage.client(url);
    const b = await stage.client(url);
    await until(() => isUp(a) && isUp(b), 'both up');
    const port = Number(new URL(url).port);
    await server.stop();
    await until(() => !isUp(a) && !isUp(b), 'both noticed');
    await stage.server({ listen: `127.0.0.1:${port}` });
    await until(() => isUp(a) && isUp(b), 'both up again');
    a.client.publish(b.publicKey, Buffer.from('again'));
    await until(() => b.received.length === 1, 'the message');
  });

  it('at each of several servers: peers are reached through whichever they are at', async () => {
    const [one, two] = [await stage.server(), await stage.server()];
    const both = await stage.client([one.url, two.url]);
    const onlyOne = await stage.client(one.url);
    const onlyTwo = await stage.client(two.url);
    await until(() => isUp(both) && isUp(onlyOne) && isUp(onlyTwo), 'all up');
    both.client.publish(onlyOne.publicKey, Buffer.from('1'));
    both.client.publish(onlyTwo.publicKey, Buffer.from('2'));
    both.client.publish(absent(), Buffer.from('3'));
    await until(() => onlyOne.received.length === 1 && onlyTwo.received.length === 1, 'both messages');
    await until(() => both.undeliverable.length > 0, 'undeliverable');
    // Each of the first two was unknown to one server only, and so was not reported.
    expect(both.undeliverable).toHaveLength(1);
    await one.server.stop();
    await until(
      () =>
        both.client
          .states()
          .map(({ state }) => state !== 'up')
          .join() === 'true,false',
      'one down',
    );
    both.client.publish(onlyTwo.publicKey, Buffer.from('still there'));
    await until(() => onlyTwo.received.length === 2, 'the message');
  });
});

describe('a server that cannot be used: the state says why, in one line', () => {
  const errorOf = async (url: string, options = {}) => {
    const { client } = await stage.client(url, options);
    await until(() => client.states()[0]?.error !== undefined, 'an error', 8000);
    return client.states()[0]?.error;
  };

  it('one that does not know itself by that URL', async () => {
    const { url } = await stage.server();
    expect(await errorOf(await evilRelay(url))).toMatch(/does not know itself by this URL/);
    expect(stage.log.filter(({ level }) => level === 'warn').map(({ message }) => message)).toContain(
      'rendezvous: a client dialled a URL that is not ours; if it is, add it to `urls`',
    );
  });

  it('one that is no rendezvous server', async () => {
    const web = createServer((socket) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'));
    web.on('connection', (socket) => socket.resume().on('error', () => undefined));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const { port } = web.address() as AddressInfo;
    expect(await errorOf(`ws://127.0.0.1:${port}`)).toBe('HTTP 404: no rendezvous server answers there');
    await new Promise((resolve) => web.close(resolve));
  });

  it('a name that does not exist', async () => {
    // RFC 6761: never resolves; without any resolver the look-up itself fails.
    expect(await errorOf('ws://rendezvous.invalid:7000')).toMatch(/ENOTFOUND|EAI_AGAIN/);
  });

  it('one with a certificate that nobody vouches for', async () => {
    const { url } = await stage.server({ tls: tlsSection() });
    expect(await errorOf(url)).toMatch(/^TLS: .*(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED)/);
  });

  it('one with a certificate for another name', async () => {
    const { url } = await stage.server({ tls: tlsSection('127.0.0.2:0') });
    expect(await errorOf(url, { caFile: 'test-only-ca.crt' })).toMatch(/^TLS: .*ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  it('a caFile that is not there', async () => {
    const { url } = await stage.server({ tls: tlsSection() });
    expect(await errorOf(url, { caFile: 'missing.crt' })).toMatch(/ENOENT/);
  });
});

const tlsSection = (listen = '127.0.0.1:0') => ({
  listen,
  certFile: 'test-only-server.crt',
  keyFile: 'test-only-server.key',
});

describe('over TLS', () => {
  it('carries messages; the certificate’s names are the server’s own', async () => {
    const { url } = await stage.server({ tls: tlsSection() });
    expect(url).toMatch(/^wss:/);
    const a = await stage.client(url, { caFile: 'test-only-ca.crt' });
    const b = await stage.client(url.replace('127.0.0.1', 'localhost'), { caFile: 'test-only-ca.crt' });
    await until(() => isUp(a) && isUp(b), 'both up');
    a.client.publish(b.publicKey, Buffer.from('x'));
    await until(() => b.received.length === 1, 'the message');
  });

  it('serves connections that somebody else accepted on a shared port', async () => {
    const { server } = await stage.server();
    const shared = createTlsServer({
      cert: await readFile(fixturePath('test-only-server.crt')),
      key: await readFile(fixturePath('test-only-server.key')),
    });
    shared.on('secureConnection', (socket) => server.adopt(socket));
    await new Promise<void>((resolve) => shared.listen(0, '127.0.0.1', resolve));
    const { port } = shared.address() as AddressInfo;
    const a = await stage.client(`wss://localhost:${port}`, { caFile: 'test-only-ca.crt' });
    await until(() => isUp(a), 'up');
    expect(server.status()).toMatchObject({ clients: 1 });
    await stage.clear();
    await new Promise((resolve) => shared.close(resolve));
  });

  it('takes over URLs and the certificate without a restart', async () => {
    const { server, url } = await stage.server({ listen: '127.0.0.1:0' });
    const relay = await evilRelay(url);
    const behindProxy = await stage.client(relay);
    await until(() => behindProxy.client.states()[0]?.state === 'down', 'refused');
    server.reload({ rendezvous: { listen: '127.0.0.1:0', urls: [relay] } });
    await until(() => isUp(behindProxy), 'up');
  });
});

/** Passes on whatever a client proves; a reverse proxy does no other. */
async function evilRelay(url: string): Promise<string> {
  const relay = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => SUBPROTOCOL });
  relay.on('connection', (downstream) => {
    const upstream = new WebSocket(url, SUBPROTOCOL);
    upstream.on('message', (data) => downstream.send(data as Buffer));
    downstream.on('message', (data) => upstream.send(data as Buffer));
    upstream.on('close', (code) => downstream.close(code === 1006 ? 1001 : code));
    downstream.on('close', () => upstream.terminate());
    upstream.on('error', () => downstream.terminate());
  });
  await new Promise((resolve) => relay.once('listening', resolve));
  stage.alsoStop(async () => {
    for (const socket of relay.clients) socket.terminate();
    await new Promise((resolve) => relay.close(resolve));
  });
  return `ws://127.0.0.1:${(relay.address() as AddressInfo).port}`;
}

/** A WebSocket without the protocol on it. */
async function rawSocket(url: string): Promise<{ socket: WebSocket; frames: Buffer[]; closed: Promise<number> }> {
  const socket = new WebSocket(url, SUBPROTOCOL);
  const frames: Buffer[] = [];
  socket.on('message', (data) => frames.push(data as Buffer));
  socket.on('error', () => undefined);
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  await new Promise((resolve) => socket.once('open', resolve));
  stage.alsoStop(async () => socket.terminate());
  return { socket, frames, closed };
}

/** Registers by hand, by way of an honest client's session. */
async function registeredSocket(url: string) {
  const { ClientSession } = await import('../src/protocol/client-session.js');
  const { canonicalUrl } = await import('../src/protocol/rendezvous-url.js');
  const identity = testIdentity();
  const raw = await rawSocket(url);
  await until(() => raw.frames.length === 1, 'the welcome');
  const session = new ClientSession({ url: canonicalUrl(url)!, identity, random: systemRandom });
  session.start(0);
  session.opened(0);
  for (const effect of session.receive(raw.frames[0]!, 0)) if (effect.kind === 'send') raw.socket.send(effect.bytes);
  await until(() => raw.frames.length === 2, 'the registration');
  return { ...raw, publicKey: identity.publicKey };
}

describe('hostile or broken clients', () => {
  it('a message before the registration ends the connection', async () => {
    const { server, url } = await stage.server();
    const { socket, closed } = await rawSocket(url);
    socket.send(encodeMessage({ type: 'publish', to: absent(), sealed: Buffer.of(1) }));
    expect(await closed).toBe(CLOSE_CODES.violation);
    expect(server.status()).toMatchObject({ forwarded: 0, closed: { violation: 1 } });
  });

  it('no registration within the deadline ends the connection', async () => {
    const { server, url } = await stage.server(undefined, { registrationDeadlineMs: 100 });
    const { closed } = await rawSocket(url);
    expect(await closed).toBe(CLOSE_CODES.tooLate);
    expect(server.status()).toMatchObject({ unproven: 0, closed: { tooLate: 1 } });
  });

  it('a frame that is too long ends the connection', async () => {
    const { server, url } = await stage.server();
    const { socket, closed } = await registeredSocket(url);
    socket.send(Buffer.alloc(20_000, 4));
    expect(await closed).toBe(1009);
    expect(server.status()).toMatchObject({ clients: 0, dropped: { 'oversize-or-broken-frame': 1 } });
  });

  it('malformed and text frames are counted, and the connection goes on', async () => {
    const { server, url } = await stage.server();
    const b = await stage.client(url);
    await until(() => isUp(b), 'b up');
    const { socket } = await registeredSocket(url);
    socket.send('text');
    socket.send(Buffer.alloc(0));
    socket.send(Buffer.of(99, 1, 2));
    socket.send(encodeMessage({ type: 'publish', to: b.publicKey, sealed: Buffer.from('x') }));
    await until(() => b.received.length === 1, 'the message');
    expect(server.status()).toMatchObject({ dropped: { malformed: 3 } });
  });

  it('what is past the rate is dropped and counted', async () => {
    const rate = { messagesPerSecond: 1, messageBurst: 20, bytesPerSecond: 100_000, byteBurst: 100_000 };
    const { server, url } = await stage.server(undefined, { rate });
    const { socket, frames } = await registeredSocket(url);
    for (let i = 0; i < 50; i++) socket.send(encodeMessage({ type: 'publish', to: absent(), sealed: Buffer.of(1) }));
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
    const slow = await registeredSocket(url);
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

describe('a hostile server', () => {
  it('cannot make a client throw or register elsewhere; what it sends is counted', async () => {
    const evil = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => SUBPROTOCOL });
    evil.on('connection', (socket) => {
      socket.send('text');
      socket.send(Buffer.of(1, 2, 3));
      socket.send(encodeMessage({ type: 'message', from: absent(), sealed: Buffer.from('unasked') }));
      socket.send(encodeMessage({ type: 'registered', proof: new Uint8Array(32) }));
    });
    await new Promise((resolve) => evil.once('listening', resolve));
    stage.alsoStop(async () => {
      for (const socket of evil.clients) socket.terminate();
      await new Promise((resolve) => evil.close(resolve));
    });
    const a = await stage.client(`ws://127.0.0.1:${(evil.address() as AddressInfo).port}`);
    await until(() => a.client.counters()['unexpected'] === 2, 'the frames');
    expect(a.client.counters()).toEqual({ malformed: 2, unexpected: 2 });
    expect(a.received).toEqual([]);
    expect(a.client.states()).toMatchObject([{ state: 'connecting' }]);
  });
});

describe('publish', () => {
  it('never throws: what cannot be sent is counted', async () => {
    const { url } = await stage.server();
    const { client } = await stage.client(url);
    client.publish('not a key', Buffer.of(1));
    client.publish(absent(), new Uint8Array(0));
    client.publish(absent(), new Uint8Array(16 * 1024 + 1));
    expect(client.counters()).toEqual({ 'invalid-recipient': 1, 'payload-size': 2 });
    await client.stop();
    client.publish(absent(), Buffer.of(1));
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

describe('start and stop', () => {
  it('an address in use is said so', async () => {
    const { url } = await stage.server();
    const listen = new URL(url).host;
    await expect(stage.server({ listen })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE', subject: listen });
  });

  it('a missing certificate is said so, and nothing is left listening', async () => {
    const port = await freePort();
    const broken = { listen: `127.0.0.1:${port}`, tls: { ...tlsSection(), certFile: 'missing.crt' } };
    await expect(stage.server(broken)).rejects.toMatchObject({ code: 'CONFIG', subject: 'missing.crt' });
    await stage.server({ listen: `127.0.0.1:${port}` });
  });

  it('stop is safe before start, during it, after it, and twice', async () => {
    const make = [
      () => new RendezvousServer(serverNeeds(), { listen: '127.0.0.1:0' }),
      () => new RendezvousClient({ ...serverNeeds(), identity: testIdentity() }, { urls: ['ws://127.0.0.1:9'] }),
    ];
    for (const create of make) {
      const before = create();
      await before.stop();
      await before.start({ signal });
      const during = create();
      const starting = during.start({ signal });
      await during.stop();
      await starting;
      const after = create();
      await after.start({ signal });
      await Promise.all([after.stop(), after.stop()]);
      await create().start({ signal: AbortSignal.abort() });
      const abort = new AbortController();
      const aborted = create();
      await aborted.start({ signal: abort.signal });
      abort.abort();
      await aborted.stop();
    }
    await until(() => openHandles().length === 0, `no handles: ${openHandles().join()}`);
  });

  it('leaves no socket, server or timer, whoever stops first', async () => {
    for (const first of ['server', 'clients']) {
      const { server, url } = await stage.server();
      const a = await stage.client([url, 'ws://127.0.0.1:9']);
      const b = await stage.client(url);
      await until(() => isUp(b), 'b up');
      const startedAt = performance.now();
      const stops = [() => server.stop(), () => Promise.all([a.client.stop(), b.client.stop()])];
      for (const stop of first === 'server' ? stops : stops.reverse()) await stop();
      expect(performance.now() - startedAt).toBeLessThan(2000);
      expect(stage.timers()).toBe(0);
      await until(() => openHandles().length === 0, `no handles: ${openHandles().join()}`);
    }
  });
});

/** What of ours keeps the process alive; the test runner has pipes and timers of its own. */
const openHandles = () => process.getActiveResourcesInfo().filter((name) => /TCP|TLS|GetAddrInfo/.test(name));

describe('decoded frames', () => {
  it('of the server begin with the welcome, sent without being asked', async () => {
    const { url } = await stage.server();
    const { frames } = await rawSocket(url);
    await until(() => frames.length > 0, 'the welcome');
    expect(decodeMessage(frames[0]!)).toMatchObject({ type: 'welcome' });
  });
});
