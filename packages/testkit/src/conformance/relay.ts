import {
  formatAddress,
  type Allocation,
  type Datagrams,
  type ReceivedDatagram,
  type Relay,
  type RelayFraming,
  type TransportAddress,
} from '@wirepath/core';
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import type { ConformanceCheck } from './conformance-check.js';
import { hostileDatagrams } from './hostile-datagrams.js';
import { withoutIo } from './io-free.js';
import { observeDatagrams } from './observed-datagrams.js';
import { checksFrom, type SetUp, type Stage } from './stage.js';

export interface RelaySubject {
  /** Of one server at least, which answers. */
  create(): Relay;
  /** The transport's sockets. */
  readonly datagrams: Datagrams;
  /** A host that the relay reaches, in the part of a peer. */
  readonly peer: RelayPeer;
  /** Makes the server forget its allocations, where the factory can. */
  lose?(): void | Promise<void>;
}

export interface RelayPeer {
  /** As the relay sees it. */
  readonly address: TransportAddress;
  send(to: TransportAddress, bytes: Uint8Array): void;
  onDatagram(listener: (from: TransportAddress, bytes: Uint8Array) => void): Disposable;
}

const NEVER = new AbortController().signal;

/** The rules of {@link Relay} and {@link Allocation}. */
export function relayConformance(setUp: SetUp<RelaySubject>): ConformanceCheck[] {
  return checksFrom(setUp, {
    'construction does no I/O': async ({ subject, pendingTimers }) => {
      withoutIo(() => subject.create(), pendingTimers);
    },
    'names its servers, without a credential': async ({ subject }) => {
      const { servers } = subject.create();
      assert.ok(servers.length > 0, 'it has no server');
      for (const { url } of servers) assert.ok(url !== '' && !url.includes('@'), 'no URL, or one with a credential');
    },
    'an allocation says where it is': async (stage) => {
      await withAllocation(stage, async ({ id, server, relayedAddress, mappedAddress, rttMs }, relay) => {
        assert.notEqual(id, '');
        assert.equal(server.url, relay.servers[0]?.url);
        for (const address of [relayedAddress, mappedAddress ?? relayedAddress]) {
          assert.equal(isIP(address.ip), address.family, formatAddress(address));
          assert.ok(address.port > 0, formatAddress(address));
        }
        assert.ok(rttMs === undefined || rttMs >= 0, String(rttMs));
      });
    },
    'no id is used again': async (stage) => {
      const relay = stage.subject.create();
      const ids: string[] = [];
      for (let i = 0; i < 2; i += 1) await withAllocation(stage, async ({ id }) => void ids.push(id), relay);
      assert.equal(new Set(ids).size, 2, ids.join(', '));
    },
    'what a permitted peer sends comes in as if on a socket, with where it came from': async (stage) => {
      await withAllocation(stage, async (allocation) => {
        const { peer, datagrams } = stage.subject;
        const received = collect(datagrams);
        const framing = await permit(stage, allocation);
        assert.equal(framing.allocationId, allocation.id);
        for (const length of [1, 3, 1400]) peer.send(allocation.relayedAddress, new Uint8Array(length).fill(length));
        await stage.eventually(() => received.length >= 3, 'the datagrams');
        for (const { path, bytes } of received) {
          assert.ok(path.kind === 'relayed', 'it did not come in as relayed');
          assert.equal(path.framing.allocationId, allocation.id);
          assert.equal(formatAddress(path.remote), formatAddress(peer.address));
          assert.ok(bytes.every((byte) => byte === (bytes.length & 255)));
        }
      });
    },
    'what is sent to a permitted peer comes from the relayed address': async (stage) => {
      await withAllocation(stage, async (allocation) => {
        const { peer, datagrams } = stage.subject;
        const framing = await permit(stage, allocation);
        const received: { from: TransportAddress; bytes: Uint8Array }[] = [];
        using _listening = peer.onDatagram((from, bytes) => received.push({ from, bytes: bytes.slice() }));
        for (const length of [1, 3, 1400])
          datagrams.send({ kind: 'relayed', framing, remote: peer.address }, new Uint8Array(length).fill(length));
        await stage.eventually(() => received.length >= 3, 'the datagrams');
        for (const { from, bytes } of received) {
          assert.equal(formatAddress(from), formatAddress(allocation.relayedAddress));
          assert.ok(bytes.every((byte) => byte === (bytes.length & 255)));
        }
        assert.deepEqual(
          received.map(({ bytes }) => bytes.length).sort((a, b) => a - b),
          [1, 3, 1400],
        );
      });
    },
    'nobody else is let in': async (stage) => {
      await withAllocation(stage, async (allocation) => {
        const received = collect(stage.subject.datagrams);
        stage.subject.peer.send(allocation.relayedAddress, Uint8Array.of(1, 2, 3));
        await stage.world.time.advance(2000);
        assert.equal(received.length, 0);
      });
    },
    'permit is idempotent, also for two at once': async (stage) => {
      await withAllocation(stage, async (allocation) => {
        const both = Promise.all([permit(stage, allocation), permit(stage, allocation)]);
        const [first, second] = await stage.within(both, 'permit');
        const third = await permit(stage, allocation);
        const channels = [first, second, third].map((framing) => (framing.kind === 'channel' ? framing.channel : 0));
        assert.equal(new Set(channels).size, 1, 'a peer has several channels');
      });
    },
    'refresh says that the allocation lives': async (stage) => {
      await withAllocation(stage, async (allocation) => {
        assert.equal(await stage.within(allocation.refresh({ signal: NEVER }), 'refresh'), true);
      });
    },
    'a lost allocation is told, once': async (stage) => {
      if (stage.subject.lose === undefined) return;
      await withAllocation(stage, async (allocation) => {
        let told = 0;
        allocation.onLost(() => (told += 1));
        await stage.subject.lose?.();
        assert.equal(await stage.within(allocation.refresh({ signal: NEVER }), 'refresh'), false);
        await stage.world.time.advance(1000);
        assert.equal(told, 1);
      });
    },
    'close is idempotent, and leaves no timer and no listener': async (stage) => {
      const observed = observeDatagrams(stage.subject.datagrams);
      const relay = stage.subject.create();
      const allocation = await allocate(stage, relay, observed.datagrams);
      await permit(stage, allocation);
      await stage.within(Promise.all([allocation.close(), allocation.close()]), 'close');
      await stage.within(allocation.close(), 'close again');
      await stage.assertNoTimers();
      assert.equal(observed.listeners(), 0, 'it still listens to the sockets');
      assert.equal(
        await stage.settled(allocation.permit(stage.subject.peer.address, { signal: NEVER }), 'permit'),
        false,
      );
    },
    'an abort before allocating rejects': async (stage) => {
      const relay = stage.subject.create();
      const context = { datagrams: stage.subject.datagrams, signal: AbortSignal.abort() };
      assert.equal(await stage.settled(relay.allocate(firstOf(relay), context), 'allocate'), false);
      await stage.assertNoTimers();
    },
    'an abort while the server is silent rejects soon, and leaves nothing': async (stage) => {
      const observed = observeDatagrams(stage.subject.datagrams, { silent: true });
      const relay = stage.subject.create();
      const controller = new AbortController();
      const allocating = relay.allocate(firstOf(relay), { datagrams: observed.datagrams, signal: controller.signal });
      allocating.catch(() => undefined);
      await stage.world.time.advance(10);
      controller.abort();
      assert.equal(await stage.settled(allocating, 'allocate'), false);
      await stage.assertNoTimers();
      assert.equal(observed.listeners(), 0, 'it still listens to the sockets');
    },
    'without sockets it rejects, or takes another way': async (stage) => {
      const relay = stage.subject.create();
      const allocating = relay.allocate(firstOf(relay), { datagrams: undefined, signal: NEVER });
      await stage.settled(
        allocating.then((allocation) => allocation.close()),
        'allocate',
      );
    },
    'survives hostile datagrams': async (stage) => {
      await withAllocation(stage, async (allocation) => {
        const { datagrams, peer } = stage.subject;
        const observed = observeDatagrams(datagrams);
        const framing = await permit(stage, allocation);
        if (framing.kind === 'channel')
          observed.datagrams.send({ kind: 'socket', base: framing.base, remote: framing.server }, new Uint8Array(0));
        for (const path of observed.sentTo())
          for (const bytes of hostileDatagrams(stage.world.random)) datagrams.receive(path, bytes);
        for (const bytes of hostileDatagrams(stage.world.random)) peer.send(allocation.relayedAddress, bytes);
        assert.equal(await stage.within(allocation.refresh({ signal: NEVER }), 'refresh'), true);
      });
    },
  });
}

function firstOf(relay: Relay) {
  const [server] = relay.servers;
  assert.ok(server !== undefined, 'it has no server');
  return server;
}

function allocate(stage: Stage<RelaySubject>, relay: Relay, datagrams: Datagrams): Promise<Allocation> {
  return stage.within(relay.allocate(firstOf(relay), { datagrams, signal: NEVER }), 'allocate');
}

function permit(stage: Stage<RelaySubject>, allocation: Allocation): Promise<RelayFraming> {
  return stage.within(allocation.permit(stage.subject.peer.address, { signal: NEVER }), 'permit');
}

async function withAllocation(
  stage: Stage<RelaySubject>,
  act: (allocation: Allocation, relay: Relay) => Promise<void>,
  relay = stage.subject.create(),
): Promise<void> {
  const allocation = await allocate(stage, relay, stage.subject.datagrams);
  try {
    await act(allocation, relay);
  } finally {
    await stage.within(allocation.close(), 'close');
  }
}

function collect(datagrams: Datagrams): ReceivedDatagram[] {
  const received: ReceivedDatagram[] = [];
  datagrams.onDatagram(({ path, bytes }) => {
    if (path.kind === 'relayed') received.push({ path, bytes: bytes.slice() });
  });
  return received;
}
