import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { isUp, Stage, testIdentity, textOf, until } from './support.js';

const stage = new Stage();
afterEach(() => stage.clear());

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
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
