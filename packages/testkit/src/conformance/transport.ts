import { sameAddress, transportAddress, type PublicKey, type Transport, type TransportPath } from '@wirepath/core';
import assert from 'node:assert/strict';
import type { ConformanceCheck } from './conformance-check.js';
import { hostileDatagrams } from './hostile-datagrams.js';
import { withoutIo } from './io-free.js';
import { checksFrom, type SetUp, type CheckRun } from './check-run.js';

/** Two transports that can reach each other. */
export interface TransportSubject {
  readonly nodes: readonly [TransportNode, TransportNode];
}

export interface TransportNode {
  readonly publicKey: PublicKey;
  /** Where the other node reaches it: an IPv4 address. */
  readonly ip: string;
  /** A new transport of that key, without a device (see `Transport.packets`) where it can do without; called more than once. */
  create(): Transport;
}

const NEVER = new AbortController().signal;
const INNER_IPS = ['10.77.0.1', '10.77.0.2'] as const;

/**
 * The rules of {@link Transport}. What needs a socket of its own (`capabilities.ownsSocket`) and in-process packets is
 * left out for a transport that has none.
 */
export function transportConformance(setUp: SetUp<TransportSubject>): ConformanceCheck[] {
  return checksFrom(setUp, {
    'construction does no I/O': async ({ subject, pendingTimers }) => {
      const transport = withoutIo(() => subject.nodes[0].create(), pendingTimers);
      assert.equal(transport.listenPort, undefined, 'it has a port before it listens');
      assert.deepEqual(transport.stats(), []);
      await transport.stop();
    },
    'has its sockets once it listens': async (run) => {
      const transport = run.subject.nodes[0].create();
      await listen(run, transport);
      assert.equal(transport.datagrams !== undefined, transport.capabilities.ownsSocket);
      if (transport.datagrams !== undefined) {
        const shared = transport.datagrams.bases.filter((base) => base.shared);
        assert.ok(shared.length > 0, 'it has no shared base');
        assert.equal(new Set(shared.map(({ family }) => family)).size, shared.length, 'two shared bases of one family');
        assert.ok(
          shared.some(({ port }) => port === transport.listenPort),
          'listenPort is that of no base',
        );
      }
      await run.within(transport.stop(), 'stop');
    },
    'opens further bases, and closes them': async (run) => {
      const transport = run.subject.nodes[0].create();
      await listen(run, transport);
      const { datagrams } = transport;
      if (datagrams !== undefined) {
        const base = await run.within(datagrams.openBase(4, { signal: NEVER }), 'openBase');
        assert.equal(base.shared, false);
        assert.ok(datagrams.bases.some(({ id }) => id === base.id));
        datagrams.closeBase(base);
        assert.ok(!datagrams.bases.some(({ id }) => id === base.id));
        const next = await run.within(datagrams.openBase(4, { signal: NEVER }), 'openBase');
        assert.notEqual(next.id, base.id, 'an id is used again');
      }
      await run.within(transport.stop(), 'stop');
    },
    'keeps a table of peers by public key': async (run) => {
      const [node, other] = run.subject.nodes;
      const transport = node.create();
      await listen(run, transport);
      const keys = () => transport.stats().map(({ publicKey }) => publicKey);
      transport.addPeer({ publicKey: other.publicKey, allowedIps: ['10.77.0.2/32'], roaming: false });
      transport.addPeer({ publicKey: other.publicKey, allowedIps: ['10.77.0.3/32'], roaming: false });
      assert.deepEqual(keys(), [other.publicKey]);
      assert.equal(transport.stats()[0]?.lastHandshakeMs, null, 'a handshake before the first');
      transport.setAllowedIps(other.publicKey, ['10.77.0.4/32']);
      transport.setAllowedIps(STRANGER, ['10.77.0.5/32']);
      transport.setPath(STRANGER, []);
      transport.initiateHandshake(STRANGER);
      transport.removePeer(STRANGER);
      transport.removePeer(other.publicKey);
      assert.deepEqual(keys(), []);
      await run.within(transport.stop(), 'stop');
      await run.assertNoTimers();
    },
    'a handshake over a path completes at both ends': async (run) => {
      await withPair(run, async (a, b) => {
        const completed: string[] = [];
        for (const { transport } of [a, b])
          transport.onHandshake(({ publicKey, atUnixMs }) => {
            assert.ok(Math.abs(atUnixMs - run.world.clock.unixMs()) < 60_000, 'atUnixMs is no unix ms of its clock');
            completed.push(publicKey);
          });
        connect(a, b);
        await run.eventually(() => new Set(completed).size === 2, 'the handshake at both ends');
        for (const { transport } of [a, b]) {
          const [stats] = transport.stats();
          assert.ok(stats !== undefined && stats.lastHandshakeMs !== null, 'stats know of no handshake');
          assert.ok(stats.rxBytes > 0 && stats.txBytes > 0, 'stats count no bytes');
        }
      });
    },
    'packets go through as they are, both ways, and are told': async (run) => {
      await withPair(run, async (a, b) => {
        const told = { authenticated: 0, sent: 0 };
        b.transport.onAuthenticated(({ publicKey, path }) => {
          assert.equal(publicKey, a.publicKey);
          assert.ok(sameAddress(path.remote, transportAddress(a.ip, a.transport.listenPort ?? 0)));
          told.authenticated += 1;
        });
        a.transport.onSent(({ publicKey }) => {
          assert.equal(publicKey, b.publicKey);
          told.sent += 1;
        });
        connect(a, b);
        await exchange(run, a, b, 'from a');
        await exchange(run, b, a, 'from b');
        assert.ok(told.authenticated > 0, 'onAuthenticated was not called');
        assert.ok(told.sent > 0, 'onSent was not called');
      });
    },
    'packets wait for a path and a session': async (run) => {
      await withPair(run, async (a, b) => {
        const received = collect(b);
        a.transport.packets?.send(innerPacket(a, b, 'early'));
        await run.world.time.advance(100);
        connect(a, b);
        await run.eventually(() => received.includes('early'), 'the packet that was sent before there was a path');
      });
    },
    'several paths carry the same packet, and it arrives once': async (run) => {
      await withPair(run, async (a, b) => {
        if (!a.transport.capabilities.multiplePaths) return;
        connect(a, b);
        await exchange(run, a, b, 'first');
        const received = collect(b);
        const path = pathTo(a, b);
        const dead = pathTo(a, { ...b, port: 9 });
        a.transport.setPath(b.publicKey, [dead, path, path]);
        a.transport.packets?.send(innerPacket(a, b, 'twice'));
        await run.eventually(() => received.includes('twice'), 'the packet');
        await run.world.time.advance(500);
        assert.deepEqual(received, ['twice']);
      });
    },
    'only allowed sources and destinations pass': async (run) => {
      await withPair(run, async (a, b) => {
        connect(a, b);
        await exchange(run, a, b, 'first');
        const received = collect(b);
        a.transport.packets?.send(ipv4Packet('10.77.0.99', b.innerIp, 'forged source'));
        a.transport.packets?.send(ipv4Packet(a.innerIp, '10.99.0.1', 'no route'));
        a.transport.packets?.send(new Uint8Array(0));
        a.transport.packets?.send(Uint8Array.of(0x45));
        await exchange(run, a, b, 'last');
        assert.deepEqual(received, ['last']);
      });
    },
    'a removed peer is not heard any more': async (run) => {
      await withPair(run, async (a, b) => {
        connect(a, b);
        await exchange(run, a, b, 'first');
        const received = collect(b);
        b.transport.removePeer(a.publicKey);
        a.transport.packets?.send(innerPacket(a, b, 'late'));
        await run.world.time.advance(1000);
        assert.deepEqual(received, []);
      });
    },
    'shows what is sent into the tunnel, while somebody looks': async (run) => {
      await withPair(run, async (a, b) => {
        if (a.transport.onInnerPacket === undefined) return;
        connect(a, b);
        const shown: Buffer[] = [];
        const looking = a.transport.onInnerPacket((packet) => shown.push(Buffer.from(packet)));
        const packet = innerPacket(a, b, 'shown');
        a.transport.packets?.send(packet);
        if (a.transport.packets !== undefined) assert.deepEqual(shown, [Buffer.from(packet)]);
        looking[Symbol.dispose]();
        await exchange(run, a, b, 'not shown');
        await exchange(run, b, a, 'coming in');
        assert.ok(shown.length <= 1, 'it was shown after the end');
      });
    },
    'survives hostile datagrams': async (run) => {
      await withPair(run, async (a, b) => {
        const path = pathTo(a, b);
        for (const bytes of hostileDatagrams(run.world.random)) {
          a.transport.datagrams?.send(path, bytes);
          b.transport.datagrams?.receive(pathTo(b, a), bytes);
        }
        await run.world.time.advance(100);
        connect(a, b);
        await exchange(run, a, b, 'still there');
      });
    },
    'listeners are disposable': async (run) => {
      await withPair(run, async (a, b) => {
        let calls = 0;
        const count = () => void (calls += 1);
        const { transport } = b;
        const listening = [
          transport.onHandshake(count),
          transport.onAuthenticated(count),
          transport.onSent(count),
          transport.onEndpointSuggested(count),
          transport.datagrams?.onDatagram(count),
          transport.packets?.onPacket(count),
        ];
        for (const each of [...listening, ...listening]) each?.[Symbol.dispose]();
        connect(a, b);
        await exchange(run, a, b, 'unheard');
        assert.equal(calls, 0);
      });
    },
    'a datagram is offered until a listener takes it, and counted where none does': async (run) => {
      await withPair(run, async (a, b) => {
        const { transport } = a;
        const path = pathTo(a, b);
        const heard: string[] = [];
        const listen = (name: string, takes: boolean) =>
          transport.datagrams?.onDatagram(() => {
            heard.push(name);
            return takes;
          });
        const offer = () => {
          const before = total(transport.counters());
          transport.datagrams?.receive(path, BINDING_INDICATION);
          const dropped = total(transport.counters()) - before;
          return [...heard.splice(0), dropped];
        };
        assert.deepEqual(offer(), [1], 'with no listener');
        const leaves = listen('leaves', false);
        assert.deepEqual(offer(), ['leaves', 1]);
        const takes = listen('takes', true);
        const late = listen('late', true);
        assert.deepEqual(offer(), ['leaves', 'takes', 0]);
        for (const each of [leaves, takes, late]) each?.[Symbol.dispose]();
      });
    },
    'stop is safe before listen': async (run) => {
      const transport = run.subject.nodes[0].create();
      await run.within(transport.stop(), 'stop');
      await run.assertNoTimers();
    },
    'stop is safe during listen': async (run) => {
      const transport = run.subject.nodes[0].create();
      const listening = transport.listen({ signal: NEVER });
      const stopping = transport.stop();
      await run.settled(listening, 'listen');
      await run.within(stopping, 'stop');
      await run.within(transport.stop(), 'stop');
      await run.assertNoTimers();
    },
    'stop is idempotent, and leaves no timer': async (run) => {
      await withPair(run, async (a, b) => {
        connect(a, b);
        await exchange(run, a, b, 'first');
        for (const { transport } of [a, b]) {
          await run.within(Promise.all([transport.stop(), transport.stop()]), 'two stops at once');
          await run.within(transport.stop(), 'a third stop');
        }
        await run.assertNoTimers();
      });
    },
    'listen honours an abort that came before it': async (run) => {
      const transport = run.subject.nodes[0].create();
      await run.settled(transport.listen({ signal: AbortSignal.abort() }), 'listen');
      await run.within(transport.stop(), 'stop');
      await run.assertNoTimers();
    },
  });
}

/** STUN without attributes: a header with the magic cookie (RFC 8489 5). */
const BINDING_INDICATION = Buffer.from('001100002112a442000102030405060708090a0b', 'hex');
const total = (counters: Readonly<Record<string, number>>) =>
  Object.values(counters).reduce((sum, count) => sum + count, 0);
const STRANGER = Buffer.alloc(32, 7).toString('base64');

interface End {
  readonly transport: Transport;
  readonly publicKey: PublicKey;
  readonly ip: string;
  readonly port: number;
  readonly innerIp: string;
}

async function listen(run: CheckRun<TransportSubject>, transport: Transport): Promise<void> {
  await run.within(transport.listen({ signal: NEVER }), 'listen');
}

/** Two that listen and know each other; not for transports that could not be watched. */
async function withPair(run: CheckRun<TransportSubject>, act: (a: End, b: End) => Promise<void>): Promise<void> {
  const ends: End[] = [];
  try {
    for (const [index, node] of run.subject.nodes.entries()) {
      const transport = node.create();
      ends.push({ ...node, transport, port: 0, innerIp: INNER_IPS[index] ?? '' });
      await listen(run, transport);
      if (transport.datagrams === undefined || transport.packets === undefined) return;
      ends[index] = { ...node, transport, port: transport.listenPort ?? 0, innerIp: INNER_IPS[index] ?? '' };
      await run.within(transport.start({ signal: NEVER }), 'start');
    }
    const [a, b] = ends;
    assert.ok(a !== undefined && b !== undefined);
    for (const [own, other] of [
      [a, b],
      [b, a],
    ] as const)
      own.transport.addPeer({ publicKey: other.publicKey, allowedIps: [`${other.innerIp}/32`], roaming: false });
    await act(a, b);
  } finally {
    await run.within(Promise.all(ends.map(({ transport }) => transport.stop())), 'stop');
  }
}

function pathTo(from: End, to: Pick<End, 'ip' | 'port'>): TransportPath {
  const base = from.transport.datagrams?.bases.find(({ family, shared }) => shared && family === 4);
  assert.ok(base !== undefined, 'no IPv4 base');
  return { kind: 'socket', base, remote: transportAddress(to.ip, to.port) };
}

function connect(a: End, b: End): void {
  a.transport.setPath(b.publicKey, [pathTo(a, b)]);
  b.transport.setPath(a.publicKey, [pathTo(b, a)]);
  a.transport.initiateHandshake(b.publicKey);
}

async function exchange(run: CheckRun<TransportSubject>, from: End, to: End, text: string): Promise<void> {
  const received = collect(to);
  from.transport.packets?.send(innerPacket(from, to, text));
  await run.eventually(() => received.includes(text), `the packet "${text}"`);
}

function collect(end: End): string[] {
  const received: string[] = [];
  end.transport.packets?.onPacket((packet) => {
    // A transport may pad what it sends: the packet's own length counts.
    const bytes = Buffer.from(packet);
    received.push(bytes.toString('utf8', 20, bytes.readUInt16BE(2)));
  });
  return received;
}

const innerPacket = (from: End, to: End, text: string) => ipv4Packet(from.innerIp, to.innerIp, text);

/** RFC 791, without options; the protocol is one for experiments (RFC 3692). */
function ipv4Packet(from: string, to: string, text: string): Uint8Array {
  const header = Buffer.alloc(20);
  const payload = Buffer.from(text);
  header[0] = 0x45;
  header.writeUInt16BE(20 + payload.length, 2);
  header[8] = 64;
  header[9] = 253;
  header.set(from.split('.').map(Number), 12);
  header.set(to.split('.').map(Number), 16);
  return Buffer.concat([header, payload]);
}
