import { afterEach, describe, expect, it } from 'vitest';
import { transportAddress, type TransportPath } from '@wirepath/core/plugin';
import type { EmbeddedTransportOptions } from '../../src/embedded/embedded-options.js';
import { bareSocket, connect, introduce, startNode, until, type TestNode } from './support.js';

const nodes: TestNode[] = [];
async function node(ip: string, options?: EmbeddedTransportOptions): Promise<TestNode> {
  const started = await startNode(ip, options);
  nodes.push(started);
  return started;
}
const pair = async () => [await node('10.77.0.1'), await node('10.77.0.2')] as const;

afterEach(async () => {
  await Promise.all(nodes.splice(0).map(({ transport }) => transport.stop()));
});

const texts = (count: number, prefix = 'packet') => Array.from({ length: count }, (_, i) => `${prefix} ${i}`);

describe('two embedded transports', () => {
  it('shake hands and carry packets both ways', async () => {
    const [a, b] = await pair();
    const handshakes: string[] = [];
    a.transport.onHandshake(({ publicKey, atUnixMs }) =>
      handshakes.push(`${publicKey} ${Math.abs(atUnixMs - Date.now()) < 5000}`),
    );
    await connect(a, b);
    a.send(b, 'to b');
    b.send(a, 'to a');
    await until(() => a.received.length + b.received.length === 2, 'both packets');
    expect(b.received).toEqual(['to b']);
    expect(a.received).toEqual(['to a']);
    expect(handshakes).toEqual([`${b.identity.publicKey} true`]);
    const [stats] = a.transport.stats();
    expect(stats).toMatchObject({ publicKey: b.identity.publicKey, endpoint: b.address });
    expect(stats!.txBytes).toBeGreaterThan(148 + 52);
  });

  it('deliver a packet before they tell what it says of its path', async () => {
    const [a, b] = await pair();
    await connect(a, b);
    // What the handshake led to is told as well, and at most once in 20 ms.
    await new Promise((resolve) => setTimeout(resolve, 40));
    const order: string[] = [];
    b.transport.onAuthenticated(() => order.push('told'));
    b.transport.packets!.onPacket(() => order.push('packet'));
    a.send(b, 'to b');
    await until(() => order.length === 2, 'both');
    expect(order).toEqual(['packet', 'told']);
  });

  it('keep packets for a peer that has no path yet, and say that one is wanted', async () => {
    const [a, b] = await pair();
    introduce(a, b);
    const wanted: string[] = [];
    a.transport.onPathWanted(({ publicKey }) => wanted.push(publicKey));
    a.send(b, 'early');
    expect(wanted).toEqual([b.identity.publicKey]);
    b.transport.setPath(a.identity.publicKey, [b.pathTo(a)]);
    a.transport.setPath(b.identity.publicKey, [a.pathTo(b)]);
    await until(() => b.received.length === 1, 'the packet');
    expect(b.received).toEqual(['early']);
  });

  it('give a plain peer its endpoint and let it roam', async () => {
    const [a, b] = await pair();
    a.transport.addPeer({ publicKey: b.identity.publicKey, allowedIps: ['10.77.0.2/32'], endpoint: b.address });
    // b was told a wrong port, and learns the right one from what a sends.
    const wrong = await bareSocket();
    b.transport.addPeer({
      publicKey: a.identity.publicKey,
      allowedIps: ['10.77.0.1/32'],
      endpoint: transportAddress('127.0.0.1', wrong.port),
    });
    a.send(b, 'hello');
    await until(() => b.received.length === 1, 'the packet');
    b.send(a, 'hello back');
    await until(() => a.received.length === 1, 'the answer');
    expect(b.transport.stats()[0]!.endpoint).toEqual(a.address);
    // The same configuration again, as after SIGHUP, does not undo that.
    b.transport.addPeer({
      publicKey: a.identity.publicKey,
      allowedIps: ['10.77.0.1/32'],
      endpoint: transportAddress('127.0.0.1', wrong.port),
    });
    expect(b.transport.stats()[0]!.endpoint).toEqual(a.address);
    await wrong.close();
  });

  it('do not let a signalled peer roam: its packets are an event', async () => {
    const [a, b] = await pair();
    await connect(a, b);
    const seen = new Set<number>();
    b.transport.onAuthenticated(({ publicKey, path }) => {
      expect(publicKey).toBe(a.identity.publicKey);
      seen.add(path.remote.port);
    });
    const extra = await a.transport.datagrams!.openBase(4, { signal: new AbortController().signal });
    a.transport.setPath(b.identity.publicKey, [{ kind: 'socket', base: extra, remote: b.address }]);
    a.send(b, 'from elsewhere');
    await until(() => seen.has(extra.port), 'the event');
    expect(b.received).toEqual(['from elsewhere']);
    expect(b.transport.stats()[0]!.endpoint).toEqual(a.address);
  });

  it('lose nothing when the path changes in the middle of traffic', async () => {
    const [a, b] = await pair();
    await connect(a, b);
    const { datagrams } = a.transport;
    const signal = new AbortController().signal;
    const paths: TransportPath[] = [a.pathTo(b)];
    for (let i = 0; i < 4; i++) {
      paths.push({ kind: 'socket', base: await datagrams!.openBase(4, { signal }), remote: b.address });
    }
    const sent = texts(500);
    for (const [i, text] of sent.entries()) {
      if (i % 7 === 0) a.transport.setPath(b.identity.publicKey, [paths[(i / 7) % paths.length]!]);
      a.send(b, text);
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => b.received.length >= sent.length, 'all packets');
    expect([...b.received].sort()).toEqual([...sent].sort());
  });

  it('send the same ciphertext on every path, of which the receiver keeps one', async () => {
    const [a, b] = await pair();
    await connect(a, b);
    const witness = await bareSocket();
    const seen: string[] = [];
    witness.socket.on('message', (bytes) => seen.push(bytes.toString('hex')));
    const base = await a.transport.datagrams!.openBase(4, { signal: new AbortController().signal });
    const second: TransportPath = { kind: 'socket', base, remote: b.address };
    a.transport.setPath(b.identity.publicKey, [a.pathTo(b), second, a.pathTo(b, witness.port)]);
    for (const text of texts(20)) a.send(b, text);
    await until(() => seen.length === 20 && b.transport.counters()['wireguard.replay'] === 20, 'the copies');
    expect(b.received).toEqual(texts(20));
    expect(new Set(seen).size).toBe(20);
    await witness.close();
  });

  it('carry packets over a relayed path of either framing', async () => {
    const [a, b] = await pair();
    introduce(a, b);
    // A relay of sorts: it unwraps ChannelData and hands the payload on, as the TURN client of the other side would.
    const relay = await bareSocket();
    const base = a.transport.datagrams!.bases.find(({ family }) => family === 4)!;
    const channelPath: TransportPath = {
      kind: 'relayed',
      remote: b.address,
      framing: {
        kind: 'channel',
        allocationId: 'a1',
        base,
        server: transportAddress('127.0.0.1', relay.port),
        channel: 0x4001,
      },
    };
    const streamPath: TransportPath = {
      kind: 'relayed',
      remote: a.address,
      framing: {
        kind: 'stream',
        allocationId: 'b1',
        send: (bytes) => a.transport.datagrams!.receive(channelPath, Buffer.from(bytes)),
      },
    };
    const headers = new Set<string>();
    relay.socket.on('message', (bytes) => {
      headers.add(`${bytes.readUInt16BE(0).toString(16)} ${bytes.readUInt16BE(2) === bytes.length - 4}`);
      b.transport.datagrams!.receive(streamPath, bytes.subarray(4));
    });
    a.transport.setPath(b.identity.publicKey, [channelPath]);
    b.transport.setPath(a.identity.publicKey, [streamPath]);
    a.send(b, 'over the channel');
    await until(() => b.received.length === 1, 'the packet');
    b.send(a, 'over the stream');
    await until(() => a.received.length === 1, 'the answer');
    expect([...headers]).toEqual(['4001 true']);
    await relay.close();
  });

  it('thin out events to one per peer and path in 20 ms', async () => {
    const [a, b] = await pair();
    await connect(a, b);
    // The handshake has been told of, too.
    await new Promise((resolve) => setTimeout(resolve, 25));
    let authenticated = 0;
    let sent = 0;
    b.transport.onAuthenticated(() => authenticated++);
    a.transport.onSent(() => sent++);
    const start = performance.now();
    for (const text of texts(300)) a.send(b, text);
    await until(() => b.received.length === 300, 'all packets');
    const most = Math.floor((performance.now() - start) / 20) + 1;
    expect(sent).toBeGreaterThanOrEqual(1);
    expect(sent).toBeLessThanOrEqual(most);
    expect(authenticated).toBeGreaterThanOrEqual(1);
    expect(authenticated).toBeLessThanOrEqual(most);
  });

  it('forget a peer that is removed, and count what it still sends', async () => {
    const [a, b] = await pair();
    await connect(a, b);
    b.transport.removePeer(a.identity.publicKey);
    a.send(b, 'too late');
    await until(() => (b.transport.counters()['wireguard.unknown-receiver'] ?? 0) > 0, 'the drop');
    expect(b.received).toEqual([]);
    expect(b.transport.stats()).toEqual([]);
  });

  it('count packets that no peer is responsible for', async () => {
    const a = await node('10.77.0.1');
    const stranger = { ip: '10.99.0.1' } as TestNode;
    a.send(stranger, 'nobody');
    a.transport.packets!.send(new Uint8Array(3));
    expect(a.transport.counters()).toMatchObject({ 'wireguard.no-route': 1, 'wireguard.outbound-malformed': 1 });
  });

  it('refuse what is no key', async () => {
    const a = await node('10.77.0.1');
    expect(() => a.transport.addPeer({ publicKey: 'x', allowedIps: [] })).toThrow(
      expect.objectContaining({ code: 'INVALID_KEY' }),
    );
  });
});

describe('stop', () => {
  it('is complete: the port is free again, late calls do nothing, any number of times', async () => {
    const a = await node('10.77.0.1');
    const b = await node('10.77.0.2');
    await connect(a, b);
    const port = a.transport.listenPort!;
    const path = a.pathTo(b);
    await Promise.all([a.transport.stop(), a.transport.stop()]);
    const again = await node('10.77.0.1', { listenPort: port });
    expect(again.transport.listenPort).toBe(port);
    a.transport.setPath(b.identity.publicKey, [path]);
    a.transport.initiateHandshake(b.identity.publicKey);
    a.send(b, 'nothing');
    a.transport.datagrams!.send(path, new Uint8Array(5));
    expect(a.transport.counters()).toMatchObject({ 'send.closed': 1 });
    expect(a.transport.stats()).toEqual([]);
  });

  it('ends a start that has not begun', async () => {
    const a = await node('10.77.0.1');
    await a.transport.stop();
    await expect(a.transport.start({ signal: new AbortController().signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});
