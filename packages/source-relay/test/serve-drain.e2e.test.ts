import { afterEach, expect, it } from 'vitest';
import { eventually } from './eventually.js';
import { freeUdpPort } from './free-udp-port.js';
import { connectTcp, patientClient, ForegroundCommand } from './serve-command.js';

const running: ForegroundCommand[] = [];
afterEach(() => Promise.all(running.splice(0).map((each) => each.end())));

async function serve(...args: string[]) {
  const port = await freeUdpPort('127.0.0.1');
  const turn = { listen: `127.0.0.1:${port}`, realm: 'lab', users: { lab: 'secret' }, allowPeers: ['127.0.0.0/8'] };
  const server = await ForegroundCommand.start('serve', { server: { turn } }, { args });
  running.push(server);
  const [socket, other] = [await connectTcp(port), await connectTcp(port)];
  const held = patientClient(socket);
  expect((await held.allocate())?.class).toBe('success');
  return { server, port, socket, held, other: patientClient(other) };
}

it('without --drain-timeout it ends at once', async () => {
  const { server, socket } = await serve();
  server.signal('SIGTERM');
  expect(await server.exited).toBe(0);
  await eventually('the end of the connection', () => socket.destroyed);
});

it('drains: whoever has an allocation goes on, nobody new comes, and it ends with the last', async () => {
  const { server, port, held, other } = await serve('--drain-timeout', '600');
  expect(server.status().drainsUntil).toBe(null);
  server.signal('SIGTERM');
  await eventually('the drain', () => server.output.includes('server drains'));
  expect(Date.parse(server.status().drainsUntil ?? '')).toBeGreaterThan(Date.now());
  expect(server.statusText()).toContain('; drains: takes nobody new');
  expect((await held.request({ method: 'refresh' }))?.lifetimeSeconds).toBeLessThan(600);
  expect((await other.allocate())?.errorCode).toEqual({ code: 508, reason: 'Shutting Down' });
  await expect(connectTcp(port)).rejects.toThrow('ECONNREFUSED');
  await held.client.send(held.client.encode({ method: 'refresh', lifetimeSeconds: 0 }));
  expect(await server.exited).toBe(0);
});

it.each([
  ['its time is over', '1', undefined],
  ['a second signal comes', '600', 'SIGTERM' as const],
])('ends with clients too when %s', async (_what, seconds, second) => {
  const { server } = await serve('--drain-timeout', seconds);
  server.signal('SIGTERM');
  await eventually('the drain', () => server.output.includes('server drains'));
  if (second !== undefined) server.signal(second);
  expect(await server.exited).toBe(0);
});
