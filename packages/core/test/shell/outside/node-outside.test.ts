import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, Socket, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EdgeGuard } from '../../../src/base/guard/edge-guard.js';
import { silentLogger } from '../../../src/base/logging/memory-logger.js';
import { systemClock, systemRandom } from '../../../src/base/time/system-clock.js';
import { NodeOutside } from '../../../src/shell/outside/node-outside.js';
import { answerFrom, type Zone } from '../../base/names/dns-fixtures.js';

const { signal } = new AbortController();

/** Real sockets on loopback: a DNS server over UDP and TCP on one port, and a server with a name. */
describe('servers by name, over real sockets', () => {
  const zone: { current: Zone } = { current: {} };
  let udp: DatagramSocket;
  let tcp: Server;
  let server: Server;
  let outside: NodeOutside;
  const opened: string[] = [];

  beforeEach(async () => {
    tcp = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        const answer = answerFrom(zone.current, bytes.subarray(2));
        const framed = Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]);
        // Cut anywhere: TCP knows no messages.
        socket.write(framed.subarray(0, 1));
        setImmediate(() => socket.write(framed.subarray(1)));
      });
    });
    await once(tcp.listen(0, '127.0.0.1'), 'listening');
    const { port } = tcp.address() as AddressInfo;
    udp = createSocket('udp4');
    udp.on('message', (bytes, from) => {
      // A stranger's guess first: of another id.
      const answer = answerFrom(zone.current, bytes);
      const forged = Buffer.from(answer);
      forged.writeUInt16BE(forged.readUInt16BE(0) ^ 1, 0);
      udp.send(forged, from.port, from.address);
      udp.send(answer, from.port, from.address);
    });
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
    server = createServer((socket) => socket.on('error', () => undefined).end('hello'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const guard = EdgeGuard.create('test', { logger: silentLogger(), clock: systemClock });
    outside = new NodeOutside({
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger(),
      guard,
      ownNetworks: [],
      system: {
        readText: async (path) => (path === '/etc/resolv.conf' ? `nameserver 127.0.0.1:${port}` : undefined),
        servers: () => [],
        lookup: () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' })),
      },
    });
    opened.length = 0;
    outside.use({
      openTcpOutside: (remote) => {
        opened.push(`tcp ${remote.ip}`);
        return new Socket();
      },
    });
  });
  afterEach(() => {
    outside.stop();
    udp.close();
    tcp.close();
    server.close();
  });

  it('are resolved over UDP, past answers that are none', async () => {
    zone.current = { 'relay.example': { A: ['127.0.0.1'], AAAA: ['::1'] } };
    const addresses = await outside.resolve({ host: 'relay.example', port: 7 }, { signal });
    expect(addresses.map(({ ip }) => ip)).toEqual(['127.0.0.1', '::1']);
    expect(outside.counters()['names.not-an-answer']).toBeGreaterThan(0);
  });

  it('are resolved over TCP, through the sockets of the transport, where the answer is cut short', async () => {
    zone.current = { 'relay.example': { A: ['127.0.0.1'], truncated: true } };
    // Over TCP nothing is cut short.
    tcp.on('connection', () => (zone.current = { 'relay.example': { A: ['127.0.0.1'] } }));
    const addresses = await outside.resolve({ host: 'relay.example', port: 7 }, { signal });
    expect(addresses.map(({ ip }) => ip)).toEqual(['127.0.0.1']);
    expect(opened).toContain('tcp 127.0.0.1');
  });

  it('are each once, of IPv4 first, whatever the case of the name', async () => {
    zone.current = { 'relay.example': { A: ['127.0.0.1', '127.0.0.2', '127.0.0.1'], AAAA: ['::1'] } };
    const addresses = await outside.resolve({ host: 'Relay.EXAMPLE', port: 7 }, { signal });
    expect(addresses.map(({ ip }) => ip)).toEqual(['127.0.0.1', '127.0.0.2', '::1']);
  });

  it('are not asked for by who has given up, and literals by nobody', async () => {
    let asked = 0;
    udp.on('message', () => (asked += 1));
    zone.current = { 'relay.example': { A: ['127.0.0.1'] } };
    await expect(
      outside.resolve({ host: 'relay.example', port: 7 }, { signal: AbortSignal.abort() }),
    ).rejects.toThrow();
    await outside.resolve({ host: '192.0.2.1', port: 7 }, { signal });
    expect(asked).toBe(0);
    await outside.resolve({ host: 'relay.example', port: 7 }, { signal });
    const before = asked;
    expect(before).toBeGreaterThan(0);
    // What is known does, unless it is to be asked again.
    await outside.resolve({ host: 'relay.example', port: 7 }, { signal });
    expect(asked).toBe(before);
  });

  it('take literals as they are', async () => {
    expect(await outside.resolve({ host: '2001:db8::1', port: 7 }, { signal })).toMatchObject([{ ip: '2001:db8::1' }]);
    await expect(
      outside.resolve({ host: 'relay.example', port: 7 }, { signal: AbortSignal.abort() }),
    ).rejects.toThrow();
  });

  it('are connected to at the first address that takes it; one where nobody listens costs nothing', async () => {
    zone.current = { 'relay.example': { A: ['127.0.0.2', '127.0.0.1'] } };
    const { port } = server.address() as AddressInfo;
    const started = performance.now();
    const socket = await outside.connect({ host: 'relay.example', port }, { signal });
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(performance.now() - started).toBeLessThan(1000);
    socket.destroy();
    opened.length = 0;
    // The one that was right last time comes first.
    (await outside.connect({ host: 'relay.example', port }, { signal })).destroy();
    expect(opened.filter((one) => one === 'tcp 127.0.0.2')).toEqual([]);
  });

  it('fail with the system’s error, of each address where there are several', async () => {
    await expect(outside.connect({ host: '127.0.0.1', port: 1 }, { signal })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    zone.current = { 'relay.example': { A: ['127.0.0.2', '127.0.0.1'] } };
    await expect(outside.connect({ host: 'relay.example', port: 1 }, { signal })).rejects.toBeInstanceOf(
      AggregateError,
    );
  });
});
