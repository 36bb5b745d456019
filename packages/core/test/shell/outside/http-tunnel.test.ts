import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { systemClock } from '../../../src/base/time/system-clock.js';
import { proxyFor } from '../../../src/shell/outside/http-proxy.js';
import { openHttpTunnel } from '../../../src/shell/outside/http-tunnel.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A proxy that answers as the test says; what it was sent comes with it. */
async function proxyThat(answer: (socket: Socket, head: string) => void) {
  const server: Server = createServer((socket) => {
    cleanups.push(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('data', (head) => answer(socket, head.toString()));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  cleanups.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const open = async (
    options: { url?: string; host?: string; clock?: typeof systemClock; signal?: AbortSignal } = {},
  ) => {
    const { url = `http://127.0.0.1:${port}`, host = 'relay.example', clock = systemClock } = options;
    const { signal = new AbortController().signal } = options;
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const proxy = proxyFor({ host, port: 443 }, url, {})!;
    const opening = openHttpTunnel(socket, { host, port: 443 }, proxy, { clock, signal });
    return { socket, opening, url };
  };
  return { open, port };
}

describe('a tunnel through an HTTP proxy', () => {
  it('carries bytes both ways, those that came with the answer too', async () => {
    let asked = '';
    const { open, port } = await proxyThat((socket, head) => {
      asked = head;
      // A length in an answer to CONNECT means nothing.
      socket.write('HTTP/1.1 200 Connection established\r\nContent-Length: 7\r\n\r\nhello ');
      socket.on('data', (bytes) => socket.write(bytes));
    });
    const tunnel = await (await open({ url: `http://me:secret@127.0.0.1:${port}` })).opening;
    cleanups.push(() => tunnel.destroy());
    expect(asked).toMatch(/^CONNECT relay\.example:443 HTTP\/1\.1\r\n/);
    expect(asked).toMatch(/\r\nhost: relay\.example:443\r\n/i);
    expect(asked).toContain(`\r\nproxy-authorization: Basic ${Buffer.from('me:secret').toString('base64')}\r\n`);
    let text = '';
    tunnel.on('data', (bytes: Buffer) => (text += bytes.toString()));
    tunnel.write('world');
    while (text.length < 11) await once(tunnel, 'data');
    expect(text).toBe('hello world');
  });

  it('asks for an IPv6 address in brackets', async () => {
    let asked = '';
    const { open } = await proxyThat((socket, head) => {
      asked = head;
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
    });
    (await (await open({ host: '2001:db8::1' })).opening).destroy();
    expect(asked).toMatch(/^CONNECT \[2001:db8::1\]:443 /);
  });

  it.each<[string, string, RegExp]>([
    ['HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', '', /wants a user and a password \(407 .*: write them into/],
    [
      'HTTP/1.1 401 No\r\n\r\n',
      'me:secret@',
      /does not take this user and password \(401 No\): correct them in its URL$/,
    ],
    [
      'HTTP/1.1 407 No\r\n\r\n',
      'me:secret@',
      /does not take this user and password \(407 No\): correct them in its URL$/,
    ],
    [
      'HTTP/1.0 403 Filtered\r\n\r\n',
      '',
      /does not let us connect to relay\.example:443 \(403 Filtered\): .* 443 only$/,
    ],
    ['HTTP/1.1 502 Bad \u0007Gateway\r\n\r\n', '', /(could not connect to relay\.example:443 \(502|breaks off)/],
    ['HTTP/1.1 302 Found\r\nLocation: http://elsewhere\r\n\r\n', '', /could not connect to .* \(302 Found\)$/],
    ['SSH-2.0-OpenSSH_9.2\r\n', '', /breaks off: /],
    [`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`, '', /breaks off: /],
    ['', '', /breaks off: /],
  ])('%j says what is wrong, without the password', async (answer, user, message) => {
    const { open, port } = await proxyThat((socket) => socket.end(answer));
    const { socket, opening } = await open({ url: `http://${user}127.0.0.1:${port}` });
    const error = await opening.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'PROXY', message: expect.stringMatching(message) as string });
    expect((error as Error).message).toContain(`the HTTP proxy http://127.0.0.1:${port} `);
    expect(`${(error as Error).stack}`).not.toContain('secret');
    expect(socket.destroyed).toBe(true);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['says nothing', () => undefined],
    ['never comes to an end of its header', (socket) => void socket.write('HTTP/1.1 200 OK\r\nx: y\r\n')],
  ])('is given up where the proxy %s', async (_what, answer) => {
    const clock = new FakeClock();
    let wasAsked = () => {};
    const asked = new Promise<void>((resolve) => (wasAsked = resolve));
    const { open } = await proxyThat((socket) => {
      answer(socket);
      wasAsked();
    });
    const { socket, opening } = await open({ clock });
    const failed = expect(opening).rejects.toThrow(/ does not answer$/);
    await asked;
    await clock.advance(10_000);
    await failed;
    expect(socket.destroyed).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is given up when it is not wanted any more', async () => {
    const aborting = new AbortController();
    const reason = new Error('stopped');
    const { open } = await proxyThat(() => aborting.abort(reason));
    const { socket, opening } = await open({ signal: aborting.signal });
    await expect(opening).rejects.toBe(reason);
    expect(socket.destroyed).toBe(true);
  });
});
