import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { RendezvousClient } from '../src/client/rendezvous-client.js';
import { decodeFrame } from '../src/protocol/message.js';
import { rawSocket } from './raw-socket.js';
import { absentKey, freePort, isUp, serverNeeds, Stage, testIdentity, textOf, until } from './support.js';

const stage = new Stage();
afterEach(() => stage.clear());

const signal = new AbortController().signal;

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
    expect(server.addresses()).toEqual([
      { section: 'rendezvous', url: `ws://127.0.0.1:${port}`, protocol: 'tcp', ip: '127.0.0.1', port },
      { section: 'rendezvous', url: `ws://[::1]:${port}`, protocol: 'tcp', ip: '::1', port },
    ]);
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

  it('begins with the welcome, which the server sends without being asked', async () => {
    const { url } = await stage.server();
    const { frames } = await rawSocket(stage, url);
    await until(() => frames.length > 0, 'the welcome');
    expect(decodeFrame(frames[0]!)).toMatchObject({ type: 'welcome' });
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

  it('comes back by itself when its connection is reset, as kill -9 does', async () => {
    const { server } = await stage.server();
    const accepted: Socket[] = [];
    const front = createServer((socket) => {
      accepted.push(socket);
      server.adopt(socket);
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    stage.alsoStop(() => new Promise((resolve) => front.close(() => resolve())));
    const a = await stage.client(`ws://127.0.0.1:${(front.address() as AddressInfo).port}`);
    await until(() => isUp(a), 'up');
    accepted[0]?.resetAndDestroy();
    await until(() => !isUp(a), 'noticed');
    expect(a.client.states()).toMatchObject([{ state: 'connecting', error: expect.stringMatching(/reset|broke/) }]);
    await until(() => isUp(a), 'up again');
    expect(accepted).toHaveLength(2);
    expect(server.status()).toMatchObject({ clients: 1, registrations: 2 });
  });

  it('at each of several servers: peers are reached through whichever they are at', async () => {
    const [one, two] = [await stage.server(), await stage.server()];
    const both = await stage.client([one.url, two.url]);
    const onlyOne = await stage.client(one.url);
    const onlyTwo = await stage.client(two.url);
    await until(() => isUp(both) && isUp(onlyOne) && isUp(onlyTwo), 'all up');
    both.client.publish(onlyOne.publicKey, Buffer.from('1'));
    both.client.publish(onlyTwo.publicKey, Buffer.from('2'));
    both.client.publish(absentKey(), Buffer.from('3'));
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

describe('publish', () => {
  it('never throws: what cannot be sent is counted', async () => {
    const { url } = await stage.server();
    const { client } = await stage.client(url);
    client.publish('not a key', Buffer.of(1));
    client.publish(absentKey(), new Uint8Array(0));
    client.publish(absentKey(), new Uint8Array(16 * 1024 + 1));
    expect(client.counters()).toEqual({ 'invalid-recipient': 1, 'payload-size': 2 });
    await client.stop();
    client.publish(absentKey(), Buffer.of(1));
  });
});
