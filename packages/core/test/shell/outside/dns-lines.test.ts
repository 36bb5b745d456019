import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { transportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { EdgeGuard } from '../../../src/base/guard/edge-guard.js';
import { silentLogger } from '../../../src/base/logging/memory-logger.js';
import { systemClock } from '../../../src/base/time/system-clock.js';
import { dnsLines } from '../../../src/shell/outside/dns-lines.js';

it('a server that no route leads to is a failure of the line, and of nothing else', async () => {
  // A socket of the other family can be connected to no such address, on whatever machine.
  const sockets = { openUdp: () => Promise.resolve(createSocket('udp4')), openTcp: () => new Socket() };
  const openLine = dnsLines(sockets, EdgeGuard.create('test', { logger: silentLogger(), clock: systemClock }));
  const reason = await new Promise<string>((resolve) => {
    const events = { message: () => undefined, failed: resolve };
    const line = openLine(transportAddress('2001:db8::53', 53), 'udp', events);
    line.send(new Uint8Array(12));
  });
  expect(reason).not.toBe('');
});

/** A socket in the hands of the test. */
class FakeSocket extends EventEmitter {
  connecting = true;
  readonly log: string[] = [];
  connect = (...to: unknown[]) => void this.log.push(`connect ${JSON.stringify(to)}`);
  send = (bytes: Uint8Array) => void this.log.push(`send ${Buffer.from(bytes).toString('hex')}`);
  write = this.send;
  close = () => void this.log.push('close');
  destroy = this.close;
  connected() {
    this.connecting = false;
    this.emit('connect');
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function lineOver(over: 'udp' | 'tcp', open?: () => never) {
  const socket = new FakeSocket();
  const heard: string[] = [];
  const sockets = {
    openUdp: async () => (open?.() ?? socket) as unknown as DatagramSocket,
    openTcp: () => (open?.() ?? socket) as unknown as Socket,
  };
  const openLine = dnsLines(sockets, EdgeGuard.create('test', { logger: silentLogger(), clock: systemClock }));
  const line = openLine(transportAddress('192.0.2.53', 53), over, {
    message: (bytes) => void heard.push(Buffer.from(bytes).toString('hex')),
    failed: (reason) => void heard.push(`failed: ${reason}`),
  });
  return { socket, line, heard };
}

describe.each([
  ['udp', '[53,"192.0.2.53"]', (hex: string) => hex],
  ['tcp', '[{"host":"192.0.2.53","port":53}]', (hex: string) => `000${hex.length / 2}${hex}`],
] as const)('a line over %s', (over, to, framed) => {
  it('sends when it is connected, what waited first, and then at once', async () => {
    const { socket, line } = await lineOver(over);
    line.send(Buffer.from('aa', 'hex'));
    await turn();
    line.send(Buffer.from('bbcc', 'hex'));
    expect(socket.log).toEqual([`connect ${to}`]);
    socket.connected();
    expect(socket.log.slice(1)).toEqual([`send ${framed('aa')}`, `send ${framed('bbcc')}`]);
    line.send(Buffer.from('dd', 'hex'));
    expect(socket.log.slice(3)).toEqual([`send ${framed('dd')}`]);
  });

  it('says nothing any more when it is closed', async () => {
    const { socket, line, heard } = await lineOver(over);
    await turn();
    socket.connected();
    line.close();
    expect(socket.log.at(-1)).toBe('close');
    for (const event of ['message', 'data']) socket.emit(event, Buffer.from('0001aa', 'hex'));
    socket.emit('error', new Error('reset'));
    socket.emit('close');
    expect(heard).toEqual([]);
  });

  it('tells of a failure, also of one to open a socket, on a later turn', async () => {
    const { socket, heard } = await lineOver(over);
    await turn();
    socket.emit('error', new Error('reset'));
    expect(heard).toEqual([expect.stringMatching(/^failed: .*reset/)]);
    const other = await lineOver(over, () => {
      throw new Error('no more sockets');
    });
    other.line.send(Buffer.of(1));
    for (let i = 0; i < 3; i++) await turn();
    expect(other.heard).toEqual([expect.stringMatching(/^failed: .*no more sockets/)]);
    other.line.close();
  });

  it('may be closed before there is a socket', async () => {
    const { socket, line, heard } = await lineOver(over);
    line.close();
    await turn();
    socket.connected();
    expect(socket.log.filter((call) => call === 'close')).toEqual(['close']);
    expect(heard).toEqual([]);
  });
});

it('a message over UDP is a datagram; what is closed once is not closed again', async () => {
  const { socket, line, heard } = await lineOver('udp');
  await turn();
  socket.emit('message', Buffer.from('aabb', 'hex'));
  expect(heard).toEqual(['aabb']);
  line.close();
  line.close();
  expect(socket.log.filter((call) => call === 'close')).toEqual(['close']);
});

describe('over TCP', () => {
  it.each([
    ['0001aa', [1], ['aa']],
    ['0002aabb0001cc', [7], ['aabb', 'cc']],
    ['0002aabb0001cc', [1, 1, 1, 1, 1, 1, 1], ['aabb', 'cc']],
    ['0002aabb0001', [3, 3], ['aabb']],
    ['0000', [2], ['']],
  ])('messages are cut out of %s as it comes, %j bytes at a time', async (hex, pieces, messages) => {
    const { socket, heard } = await lineOver('tcp');
    let bytes = Buffer.from(hex, 'hex');
    for (const length of [...pieces, bytes.length]) {
      socket.emit('data', bytes.subarray(0, length));
      bytes = bytes.subarray(length);
    }
    expect(heard).toEqual(messages);
  });

  it('whoever closes at the first of two answers hears no second', async () => {
    const { socket, line, heard } = await lineOver('tcp');
    const hear = heard.push.bind(heard);
    heard.push = (...items) => (line.close(), hear(...items));
    socket.emit('data', Buffer.from('0001aa0001bb', 'hex'));
    expect([...heard]).toEqual(['aa']);
  });

  it('a server that hangs up has failed', async () => {
    const { socket, heard } = await lineOver('tcp');
    socket.emit('close');
    expect(heard).toEqual(['failed: over TCP: the server hung up']);
  });

  it('a message of 65,535 bytes is sent, a longer one has no length', async () => {
    const { socket, line } = await lineOver('tcp');
    socket.connected();
    line.send(Buffer.alloc(65_535));
    line.send(Buffer.alloc(65_536));
    expect(socket.log.filter((call) => call.startsWith('send'))).toEqual([
      expect.stringMatching(/^send ffff(00){65535}$/),
    ]);
  });
});
