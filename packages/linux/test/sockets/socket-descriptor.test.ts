import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { socketDescriptor } from '../../src/sockets/socket-descriptor.js';

it('reading the descriptor of a datagram socket warns of nothing', async () => {
  const warnings: string[] = [];
  const note = (warning: Error) => warnings.push(warning.message);
  process.on('warning', note);
  const socket = createSocket('udp4');
  expect(socketDescriptor(socket)).toBeUndefined();
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  expect(socketDescriptor(socket)).toBeGreaterThan(2);
  socket.close();
  expect(socketDescriptor(socket)).toBeUndefined();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  expect(warnings).toEqual([]);
});

it('a stream socket has one while it is connected', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect(server.address() as { port: number });
  await once(socket, 'connect');
  expect(socketDescriptor(socket)).toBeGreaterThan(2);
  socket.destroy();
  await once(socket, 'close');
  expect(socketDescriptor(socket)).toBeUndefined();
  server.close();
});

it('what is no socket of Node has none', () => {
  expect(socketDescriptor({ send: () => undefined })).toBeUndefined();
});
