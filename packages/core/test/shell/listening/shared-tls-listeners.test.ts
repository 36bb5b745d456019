import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, createServer, type AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { EdgeGuard, FakeClock, memoryLogger, SharedTlsListeners, systemRandom } from '@wirepath/core';
import type { TlsTaker } from '@wirepath/core/plugin';
import { afterEach, describe, expect, it } from 'vitest';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../../../../signaling-rendezvous/test/fixtures/${name}`, import.meta.url));
const CERTIFICATE = { certFile: fixture('test-only-server.crt'), keyFile: fixture('test-only-server.key') };

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Answers with its name and what it has read. */
function taker(name: string, protocol: string, recognizes: (firstByte: number) => boolean): TlsTaker {
  const take = (socket: TLSSocket) =>
    socket.on('data', (bytes: Buffer) => socket.write(`${name}:${bytes.toString()} `));
  return { protocols: [protocol], recognizes, take };
}
const stun = taker('stun', 'stun.turn', (firstByte) => firstByte < 0x40);
const http = taker('http', 'http/1.1', (firstByte) => firstByte >= 0x41);

async function lab() {
  const clock = new FakeClock();
  const guard = EdgeGuard.create('test', { logger: memoryLogger(), clock });
  const read = (path: string) => readFile(path, 'utf8');
  const files = { resolve: (path: string) => path, readSecret: read, readTrusted: read };
  const listeners = new SharedTlsListeners({ clock, guard, random: systemRandom, files });
  const port = await freePort();
  const listen = async (by: TlsTaker, certificate = CERTIFICATE) => {
    const lent = await listeners.listen({ ip: '127.0.0.1', port, ...certificate }, by);
    cleanups.push(() => lent.close());
    return lent;
  };
  return { clock, port, listen };
}

async function dial(port: number, ALPNProtocols?: string[]): Promise<TLSSocket> {
  const ca = await readFile(fixture('test-only-ca.crt'));
  const names = ALPNProtocols && { ALPNProtocols };
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca, ...names }).setEncoding('utf8');
  socket.on('error', () => undefined);
  cleanups.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

async function said(socket: TLSSocket, length: number): Promise<string> {
  let text = '';
  for await (const some of socket) if ((text += String(some)).length >= length) break;
  return text;
}

describe('a TLS listener of two protocols', () => {
  it.each<[string, string[] | undefined, string, string]>([
    ['ALPN stun.turn', ['stun.turn'], 'GET', 'stun:GET '],
    ['ALPN http/1.1', ['h2', 'http/1.1'], '\u0000', 'http:\u0000 '],
    ['a first byte of STUN', undefined, '\u0001\u0002', 'stun:\u0001\u0002 '],
    ['a letter', undefined, 'GET /', 'http:GET / '],
  ])('gives a connection to whom it is for: %s', async (_what, names, text, answer) => {
    const { listen, port } = await lab();
    await listen(stun);
    await listen(http);
    const socket = await dial(port, names);
    socket.write(text);
    expect(await said(socket, answer.length)).toBe(answer);
  });

  it('decides by the first byte, and loses none where they come one at a time', async () => {
    const { listen, port } = await lab();
    await listen(http);
    await listen(stun);
    const socket = await dial(port);
    socket.setNoDelay(true);
    for (const letter of ['G', 'E', 'T']) {
      socket.write(letter);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await said(socket, 15)).toBe('http:G http:E http:T ');
  });

  it('refuses a protocol that nobody speaks, and a first byte that is nobody’s', async () => {
    const { listen, port } = await lab();
    await listen(stun);
    await listen(http);
    await expect(dial(port, ['h2'])).rejects.toThrow(/alert|ALPN|no application protocol/i);
    const socket = await dial(port);
    socket.resume().write('@');
    await once(socket, 'close');
  });

  it('with one taker there is nothing to decide: it may speak first', async () => {
    const { listen, port } = await lab();
    await listen({ ...http, take: (socket) => void socket.write('welcome') });
    expect(await said(await dial(port), 7)).toBe('welcome');
  });

  it('closes with its last taker; the address is free then', async () => {
    const { listen, port } = await lab();
    const [first, second] = [await listen(stun), await listen(http)];
    first.close();
    const socket = await dial(port);
    socket.write('\u0000');
    expect(await said(socket, 7)).toBe('http:\u0000 ');
    second.close();
    await expect(dial(port)).rejects.toThrow(/ECONNREFUSED/);
    expect((await listen(stun)).port).toBe(port);
  });

  it('has one certificate', async () => {
    const { listen } = await lab();
    const lent = await listen(stun);
    await expect(listen(http, { ...CERTIFICATE, certFile: 'other.crt' })).rejects.toMatchObject({ code: 'CONFIG' });
    await expect(lent.renew({ ...CERTIFICATE, certFile: CERTIFICATE.keyFile })).rejects.toMatchObject({
      code: 'CONFIG',
    });
    await lent.renew(CERTIFICATE);
  });

  it('tells one taker what comes to nothing, and what can be a mistake', async () => {
    const { listen, port } = await lab();
    const [first, second] = [await listen(stun), await listen(http)];
    const refused = () => first.figures()?.refused;
    const plain = connectTcp({ port, host: '127.0.0.1' }).on('error', () => undefined);
    plain.resume().write('GET / HTTP/1.1\r\n\r\n');
    await expect.poll(refused).toEqual({ 'no-tls': 1 });
    await expect(dial(port, ['h2'])).rejects.toThrow();
    await expect.poll(refused).toEqual({ 'no-tls': 1, 'no-such-protocol': 1 });
    const socket = await dial(port);
    await expect.poll(() => first.figures()?.handshakes).toBe(1);
    socket.resume().write('@');
    await expect.poll(refused).toEqual({ 'no-tls': 1, 'no-such-protocol': 2 });
    expect(second.figures()).toBe(undefined);
    expect(second.problems()).toEqual([]);
    expect(first.problems().at(-1)).toMatch(
      /^TLS at 127\.0\.0\.1:\d+: 127\.0\.0\.1 speaks no TLS: a URL for this address begins with wss:, turns: or https:$/,
    );
  });

  it.each([
    ['says nothing', async (port: number) => connectTcp({ port, host: '127.0.0.1' })],
    [
      'begins a handshake',
      async (port: number) => {
        const socket = connectTcp({ port, host: '127.0.0.1' });
        socket.write(Buffer.from('1603010200', 'hex'));
        return Promise.resolve(socket);
      },
    ],
    ['says nothing after it', (port: number) => dial(port)],
  ])('ends who %s', async (_what, open) => {
    const { listen, port, clock } = await lab();
    const lent = await listen(stun);
    await listen(http);
    const socket = await open(port);
    socket.on('error', () => undefined).resume();
    if (socket.connecting) await once(socket, 'connect');
    // Until it is accepted.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = once(socket, 'close');
    await clock.advance(12_000);
    await closed;
    await expect.poll(() => lent.figures()).toEqual({ handshakes: 0, refused: { 'too-slow': 1 } });
  });
});
