import {
  formatAddress,
  RELAY_TRANSPORTS,
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
import { checksFrom, type SetUp, type CheckRun } from './check-run.js';

export interface RelaySubject {
  /** Of one server at least, which answers. */
  create(): Relay;
  /** The transport's sockets. */
  readonly datagrams: Datagrams;
  /** A host that the relay reaches, in the part of a peer. */
  readonly peer: RelayPeer;
  /** Makes the server forget its allocations, where the factory can. */
  lose?(): void | Promise<void>;
  /** Makes the server say nothing any more; for one that is reached by other sockets than the transport's. */
  silence?(): void;
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
      for (const { url, transport } of servers) {
        assert.ok(url !== '' && !url.includes('@'), 'no URL, or one with a credential');
        assert.ok(RELAY_TRANSPORTS.includes(transport), `${url}: transport ${transport}`);
      }
    },
    'an allocation says where it is': async (run) => {
      await withAllocation(run, async ({ id, server, relayedAddress, mappedAddress, rttMs }, relay) => {
        assert.notEqual(id, '');
        assert.equal(server.url, relay.servers[0]?.url);
        for (const address of [relayedAddress, mappedAddress ?? relayedAddress]) {
          assert.equal(isIP(address.ip), address.family, formatAddress(address));
          assert.ok(address.port > 0, formatAddress(address));
        }
        assert.ok(rttMs === undefined || rttMs >= 0, String(rttMs));
      });
    },
    'no id is used again': async (run) => {
      const relay = run.subject.create();
      const ids: string[] = [];
      for (let i = 0; i < 2; i += 1) await withAllocation(run, async ({ id }) => void ids.push(id), relay);
      assert.equal(new Set(ids).size, 2, ids.join(', '));
    },
    'what a permitted peer sends comes in as if on a socket, with where it came from': async (run) => {
      await withAllocation(run, async (allocation) => {
        const { peer, datagrams } = run.subject;
        const received = collect(datagrams);
        const framing = await permit(run, allocation);
        assert.equal(framing.allocationId, allocation.id);
        for (const length of [1, 3, 1400]) peer.send(allocation.relayedAddress, new Uint8Array(length).fill(length));
        await run.eventually(() => received.length >= 3, 'the datagrams');
        for (const { path, bytes } of received) {
          assert.ok(path.kind === 'relayed', 'it did not come in as relayed');
          assert.equal(path.framing.allocationId, allocation.id);
          assert.equal(formatAddress(path.remote), formatAddress(peer.address));
          assert.ok(bytes.every((byte) => byte === (bytes.length & 255)));
        }
      });
    },
    'what is sent to a permitted peer comes from the relayed address': async (run) => {
      await withAllocation(run, async (allocation) => {
        const { peer, datagrams } = run.subject;
        const framing = await permit(run, allocation);
        const received: { from: TransportAddress; bytes: Uint8Array }[] = [];
        using _listening = peer.onDatagram((from, bytes) => received.push({ from, bytes: bytes.slice() }));
        for (const length of [1, 3, 1400])
          datagrams.send({ kind: 'relayed', framing, remote: peer.address }, new Uint8Array(length).fill(length));
        await run.eventually(() => received.length >= 3, 'the datagrams');
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
    'nobody else is let in': async (run) => {
      await withAllocation(run, async (allocation) => {
        const received = collect(run.subject.datagrams);
        run.subject.peer.send(allocation.relayedAddress, Uint8Array.of(1, 2, 3));
        await run.world.time.advance(2000);
        assert.equal(received.length, 0);
      });
    },
    'permit is idempotent, also for two at once': async (run) => {
      await withAllocation(run, async (allocation) => {
        const both = Promise.all([permit(run, allocation), permit(run, allocation)]);
        const [first, second] = await run.within(both, 'permit');
        const third = await permit(run, allocation);
        const channels = [first, second, third].map((framing) => (framing.kind === 'channel' ? framing.channel : 0));
        assert.equal(new Set(channels).size, 1, 'a peer has several channels');
      });
    },
    'a probe says the round trip, and disturbs no allocation': async (run) => {
      await withAllocation(run, async (allocation, relay) => {
        const context = { datagrams: run.subject.datagrams, signal: NEVER };
        const probed = relay.probe && (await run.within(relay.probe(firstOf(relay), context), 'probe'));
        assert.ok(probed === undefined || (Number.isFinite(probed) && probed >= 0), String(probed));
        assert.equal(await run.within(allocation.refresh({ signal: NEVER }), 'refresh'), true);
      });
    },
    'a probe of a silent server rejects soon after an abort, and leaves nothing': async (run) => {
      const relay = run.subject.create();
      if (relay.probe === undefined) return;
      const observed = observeDatagrams(run.subject.datagrams, { silent: true });
      run.subject.silence?.();
      const controller = new AbortController();
      const context = { datagrams: observed.datagrams, signal: controller.signal };
      const probing = relay.probe(firstOf(relay), context);
      probing.catch(() => undefined);
      await run.world.time.advance(10);
      controller.abort();
      assert.equal(await run.settled(probing, 'probe'), false);
      await run.assertNoTimers();
      assert.equal(observed.listeners(), 0, 'it still listens to the sockets');
    },
    'refresh says that the allocation lives': async (run) => {
      await withAllocation(run, async (allocation) => {
        assert.equal(await run.within(allocation.refresh({ signal: NEVER }), 'refresh'), true);
      });
    },
    'a lost allocation is told, once': async (run) => {
      if (run.subject.lose === undefined) return;
      await withAllocation(run, async (allocation) => {
        let told = 0;
        allocation.onLost(() => (told += 1));
        await run.subject.lose?.();
        assert.equal(await run.within(allocation.refresh({ signal: NEVER }), 'refresh'), false);
        await run.world.time.advance(1000);
        assert.equal(told, 1);
      });
    },
    'close is idempotent, and leaves no timer and no listener': async (run) => {
      const observed = observeDatagrams(run.subject.datagrams);
      const relay = run.subject.create();
      const allocation = await allocate(run, relay, observed.datagrams);
      await permit(run, allocation);
      await run.within(Promise.all([allocation.close(), allocation.close()]), 'close');
      await run.within(allocation.close(), 'close again');
      await run.assertNoTimers();
      assert.equal(observed.listeners(), 0, 'it still listens to the sockets');
      assert.equal(await run.settled(allocation.permit(run.subject.peer.address, { signal: NEVER }), 'permit'), false);
    },
    'an abort before allocating rejects': async (run) => {
      const relay = run.subject.create();
      const context = { datagrams: run.subject.datagrams, signal: AbortSignal.abort() };
      assert.equal(await run.settled(relay.allocate(firstOf(relay), context), 'allocate'), false);
      await run.assertNoTimers();
    },
    'an abort while the server is silent rejects soon, and leaves nothing': async (run) => {
      const observed = observeDatagrams(run.subject.datagrams, { silent: true });
      run.subject.silence?.();
      const relay = run.subject.create();
      const controller = new AbortController();
      const allocating = relay.allocate(firstOf(relay), { datagrams: observed.datagrams, signal: controller.signal });
      allocating.catch(() => undefined);
      await run.world.time.advance(10);
      controller.abort();
      assert.equal(await run.settled(allocating, 'allocate'), false);
      await run.assertNoTimers();
      assert.equal(observed.listeners(), 0, 'it still listens to the sockets');
    },
    'without sockets it rejects, or takes another way': async (run) => {
      const relay = run.subject.create();
      const allocating = relay.allocate(firstOf(relay), { datagrams: undefined, signal: NEVER });
      await run.settled(
        allocating.then((allocation) => allocation.close()),
        'allocate',
      );
    },
    'survives hostile datagrams': async (run) => {
      await withAllocation(run, async (allocation) => {
        const { datagrams, peer } = run.subject;
        const observed = observeDatagrams(datagrams);
        const framing = await permit(run, allocation);
        if (framing.kind === 'channel')
          observed.datagrams.send({ kind: 'socket', base: framing.base, remote: framing.server }, new Uint8Array(0));
        for (const path of observed.sentTo())
          for (const bytes of hostileDatagrams(run.world.random)) datagrams.receive(path, bytes);
        for (const bytes of hostileDatagrams(run.world.random)) peer.send(allocation.relayedAddress, bytes);
        assert.equal(await run.within(allocation.refresh({ signal: NEVER }), 'refresh'), true);
      });
    },
  });
}

function firstOf(relay: Relay) {
  const [server] = relay.servers;
  assert.ok(server !== undefined, 'it has no server');
  return server;
}

function allocate(run: CheckRun<RelaySubject>, relay: Relay, datagrams: Datagrams): Promise<Allocation> {
  return run.within(relay.allocate(firstOf(relay), { datagrams, signal: NEVER }), 'allocate');
}

function permit(run: CheckRun<RelaySubject>, allocation: Allocation): Promise<RelayFraming> {
  return run.within(allocation.permit(run.subject.peer.address, { signal: NEVER }), 'permit');
}

async function withAllocation(
  run: CheckRun<RelaySubject>,
  act: (allocation: Allocation, relay: Relay) => Promise<void>,
  relay = run.subject.create(),
): Promise<void> {
  const allocation = await allocate(run, relay, run.subject.datagrams);
  try {
    await act(allocation, relay);
  } finally {
    await run.within(allocation.close(), 'close');
  }
}

function collect(datagrams: Datagrams): ReceivedDatagram[] {
  const received: ReceivedDatagram[] = [];
  datagrams.onDatagram(({ path, bytes }) => {
    if (path.kind === 'relayed') received.push({ path, bytes: bytes.slice() });
  });
  return received;
}
