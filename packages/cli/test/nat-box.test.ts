import type { UdpSocket } from '@wirepath/transport-wg';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { NatBox } from '../src/demo/nat/nat-box.js';
import type { NatSettings } from '../src/demo/nat/nat-table.js';

const CONE: NatSettings = { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' };
const SYMMETRIC: NatSettings = { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' };

interface Heard {
  readonly text: string;
  readonly port: number;
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function newBox(nat: NatSettings): NatBox {
  const box = new NatBox({ outsideIp: '127.0.0.1', insideIp: '192.168.1.10', nat });
  cleanups.push(() => box.close());
  return box;
}

/** Somebody on the simulated internet. */
async function outsider() {
  const socket: Socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  cleanups.push(() => new Promise((resolve) => socket.close(() => resolve())));
  const heard: Heard[] = [];
  socket.on('message', (bytes, { port }) => heard.push({ text: bytes.toString(), port }));
  const send = (text: string, port: number) => socket.send(text, port, '127.0.0.1');
  return { heard, send, port: socket.address().port };
}

async function insider(box: NatBox, port = 0) {
  const socket: UdpSocket = await box.openSocket(4, port);
  const heard: Heard[] = [];
  socket.on('message', (bytes, from) => heard.push({ text: bytes.toString(), port: from.port }));
  const send = (text: string, to: number, ip = '127.0.0.1') =>
    new Promise<void>((resolve) => socket.send(Buffer.from(text), to, ip, () => resolve()));
  return { socket, heard, send };
}

const until = (condition: () => unknown) => expect.poll(condition, { timeout: 5000, interval: 5 }).toBeTruthy();

describe('a NAT on loopback', () => {
  it('sends from a real socket whose port is not the inside one, and hands in the answer', async () => {
    const box = newBox(CONE);
    const inside = await insider(box);
    const server = await outsider();
    await inside.send('hello', server.port);
    await until(() => server.heard.length === 1);
    const [{ port }] = server.heard as [Heard];
    expect(port).not.toBe(inside.socket.address().port);
    server.send('hello back', port);
    await until(() => inside.heard.length === 1);
    expect(inside.heard).toEqual([{ text: 'hello back', port: server.port }]);
  });

  it.each([
    ['one port to all, where mapping is endpoint-independent', CONE, 1],
    ['another port to each, where it is address-and-port-dependent', SYMMETRIC, 2],
  ])('shows %s', async (_what, nat, ports) => {
    const inside = await insider(newBox(nat));
    const [x, y] = [await outsider(), await outsider()];
    await Promise.all([inside.send('to x', x.port), inside.send('to y', y.port), inside.send('to x again', x.port)]);
    await until(() => x.heard.length === 2 && y.heard.length === 1);
    expect(new Set([...x.heard, ...y.heard].map(({ port }) => port)).size).toBe(ports);
    expect(new Set(x.heard.map(({ port }) => port)).size).toBe(1);
  });

  it('lets in nobody to whom nothing was sent, and counts it', async () => {
    const box = newBox(CONE);
    const inside = await insider(box);
    const [server, stranger] = [await outsider(), await outsider()];
    await inside.send('hello', server.port);
    await until(() => server.heard.length === 1);
    const [{ port }] = server.heard as [Heard];
    stranger.send('let me in', port);
    await until(() => box.drops()['filtered'] === 1);
    expect(inside.heard).toEqual([]);
    // The hole, once punched.
    await inside.send('come in', stranger.port);
    await until(() => stranger.heard.length === 1);
    stranger.send('thanks', port);
    await until(() => inside.heard.length === 1);
  });

  it('carries datagrams of 0, 1 and 3 bytes', async () => {
    const inside = await insider(newBox(CONE));
    const server = await outsider();
    for (const text of ['', 'a', 'abc']) await inside.send(text, server.port);
    await until(() => server.heard.length === 3);
    expect(server.heard.map(({ text }) => text)).toEqual(['', 'a', 'abc']);
  });

  it.each(['192.168.2.10', '10.0.0.1', '8.8.8.8', '0.0.0.0', '255.255.255.255'])(
    'lets nothing out of this machine: no route to %s',
    async (ip) => {
      const box = newBox(CONE);
      const inside = await insider(box);
      await inside.send('anybody there?', 9, ip);
      expect(box.drops()).toMatchObject({ 'no-route': 1, 'socket-error': 0 });
    },
  );

  it('has IPv4 only, gives every inside socket a port of its own, and refuses one that is taken', async () => {
    const box = newBox(CONE);
    await expect(box.openSocket(6, 0)).rejects.toMatchObject({ code: 'EAFNOSUPPORT' });
    const [first, second] = [await insider(box), await insider(box)];
    expect(first.socket.address().port).not.toBe(second.socket.address().port);
    await insider(box, 51820);
    await expect(box.openSocket(4, 51820)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('frees the outside port when the inside socket or the NAT is closed', async () => {
    const box = newBox(SYMMETRIC);
    const [one, other] = [await insider(box), await insider(box)];
    const server = await outsider();
    await Promise.all([one.send('one', server.port), other.send('other', server.port)]);
    await until(() => server.heard.length === 2);
    const portOf = (wanted: string) => server.heard.find(({ text }) => text === wanted)!.port;
    await new Promise<void>((resolve) => one.socket.close(() => resolve()));
    await expectFree(portOf('one'));
    await box.close();
    await expectFree(portOf('other'));
  });

  it('loses what cannot be sent, and goes on', async () => {
    const box = newBox(CONE);
    const inside = await insider(box);
    const server = await outsider();
    await inside.send('x'.repeat(70_000), server.port);
    expect(box.drops()['socket-error']).toBe(1);
    await inside.send('hello', server.port);
    await until(() => server.heard.length === 1);
  });

  it('without its outside address drops everything, and still closes', async () => {
    // TEST-NET-1: no machine has it.
    const box = new NatBox({ outsideIp: '192.0.2.1', insideIp: '192.168.1.10', nat: CONE });
    const inside = await box.openSocket(4, 0);
    inside.send(Buffer.from('hello'), 9, '127.0.0.1', () => undefined);
    await until(() => (box.drops()['socket-error'] ?? 0) > 0);
    await box.close();
  });
});

async function expectFree(port: number): Promise<void> {
  const socket = createSocket('udp4').bind({ port, address: '127.0.0.1', exclusive: true });
  await once(socket, 'listening');
  await new Promise<void>((resolve) => socket.close(() => resolve()));
}
