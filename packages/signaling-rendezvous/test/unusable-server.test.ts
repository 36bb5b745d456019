import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { admissionProofs } from '../src/protocol/admission.js';
import { decodeFrame, encodeFrame } from '../src/protocol/message.js';
import { SUBPROTOCOL } from '../src/protocol/rendezvous-v1.js';
import { x25519KeyPair } from '../src/protocol/x25519.js';
import { relayTo } from './raw-socket.js';
import { absentKey, isUp, Stage, systemRandom, tlsSection, until } from './support.js';

const stage = new Stage();
afterEach(() => stage.clear());

describe('a server that cannot be used: the state says why, in one line', () => {
  const errorOf = async (url: string, options = {}) => {
    const { client } = await stage.client(url, options);
    await until(() => client.states()[0]?.error !== undefined, 'an error', 8000);
    return client.states()[0]?.error;
  };

  it('one that does not know itself by that URL', async () => {
    const { url } = await stage.server();
    expect(await errorOf(await relayTo(stage, url))).toMatch(/does not know itself by this URL/);
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
    // RFC 6761: never resolves.
    expect(await errorOf('ws://rendezvous.invalid:7000')).toBe(
      'the name rendezvous.invalid does not resolve: no such name',
    );
  });

  it('one with a certificate that nobody vouches for', async () => {
    const { url } = await stage.server({ tls: tlsSection() });
    expect(await errorOf(url)).toMatch(
      /^TLS: .*(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED).*: nobody .* by `caFile`/,
    );
  });

  it('one with a certificate for another name', async () => {
    const { url } = await stage.server({ tls: tlsSection('127.0.0.2:0') });
    expect(await errorOf(url, { caFile: 'test-only-ca.crt' })).toMatch(
      /^TLS: .*ERR_TLS_CERT_ALTNAME_INVALID\): dial the server by a name/,
    );
  });

  it('a caFile that is not there', async () => {
    const { url } = await stage.server({ tls: tlsSection() });
    expect(await errorOf(url, { caFile: 'missing.crt' })).toMatch(/ENOENT/);
  });
});

describe('a hostile server', () => {
  it('cannot make a client throw or register elsewhere; what it sends is counted', async () => {
    const evil = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => SUBPROTOCOL });
    evil.on('connection', (socket) => {
      socket.send('text');
      socket.send(Buffer.of(1, 2, 3));
      socket.send(encodeFrame({ type: 'message', from: absentKey(), sealed: Buffer.from('unasked') }));
      socket.send(encodeFrame({ type: 'registered', proof: new Uint8Array(32) }));
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

  /** A server that admits any client, and then does as it likes. */
  async function rogueServer(onRegistered: (socket: WebSocket) => void) {
    const pair = x25519KeyPair(systemRandom.bytes(32));
    const challenge = systemRandom.bytes(32);
    const rogue = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => SUBPROTOCOL });
    let connections = 0;
    rogue.on('connection', (socket) => {
      connections += 1;
      const limits = { messagesPerSecond: 1000, messageBurst: 1000, bytesPerSecond: 1e6, byteBurst: 1e6 };
      socket.send(encodeFrame({ type: 'welcome', serverKey: pair.publicKey, challenge, limits }));
      socket.once('message', (data) => {
        const message = decodeFrame(data as Buffer);
        if (message?.type !== 'register') return;
        const { clientKey, url } = message;
        const transcript = { clientKey, serverKey: pair.publicKey, challenge, url };
        const { server } = admissionProofs(pair.agree(clientKey)!, transcript);
        socket.send(encodeFrame({ type: 'registered', proof: server }));
        onRegistered(socket);
      });
    });
    await new Promise((resolve) => rogue.once('listening', resolve));
    stage.alsoStop(async () => {
      for (const socket of rogue.clients) socket.terminate();
      await new Promise((resolve) => rogue.close(resolve));
    });
    return { url: `ws://127.0.0.1:${(rogue.address() as AddressInfo).port}`, connections: () => connections };
  }

  it('that floods a client with messages is hung up on, and what was past the rate is counted', async () => {
    const frame = encodeFrame({ type: 'message', from: absentKey(), sealed: Buffer.from('x') });
    const { url } = await rogueServer((socket) => {
      for (let i = 0; i < 50_000; i++) socket.send(frame);
    });
    const a = await stage.client(url);
    await until(() => a.client.states()[0]?.error !== undefined, 'the end', 15_000);
    expect(a.client.states()[0]?.error).toBe('the server floods this node with messages');
    expect(a.client.counters()['rate']).toBeGreaterThanOrEqual(10_000);
    expect(a.received.length).toBeLessThan(40_000);
  }, 20_000);

  it('that pings and does not read gets one pong at a time', async () => {
    let pongs = 0;
    const { url } = await rogueServer((socket) => {
      socket.on('pong', () => (pongs += 1));
      socket.pause();
      for (let i = 0; i < 5000; i++) socket.ping(Buffer.alloc(125));
      setTimeout(() => socket.resume(), 200);
    });
    const a = await stage.client(url);
    await until(() => isUp(a), 'up');
    await until(() => pongs > 0, 'a pong');
    expect(pongs).toBeLessThan(5000);
  });

  it('that announces a frame of a terabyte is hung up on', async () => {
    const { url, connections } = await rogueServer((socket) => {
      // A frame of 2^40 bytes; the WebSocket's own socket is the only one that sends such.
      const raw = (socket as unknown as { _socket: Socket })._socket;
      raw.write(Buffer.from('827f000001000000000000000000', 'hex'));
    });
    const a = await stage.client(url);
    await until(() => connections() > 1, 'another attempt');
    expect(a.received).toEqual([]);
  });
});
