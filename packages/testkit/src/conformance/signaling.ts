import type { PublicKey, Signaling } from '@wirepath/core';
import assert from 'node:assert/strict';
import type { ConformanceCheck } from './conformance-check.js';
import { withoutIo } from './io-free.js';
import { checksFrom, type SetUp, type CheckRun } from './check-run.js';

/** Two nodes that can signal to each other, through whatever the factory has set up between them. */
export interface SignalingSubject {
  readonly nodes: readonly [SignalingNode, SignalingNode];
}

export interface SignalingNode {
  readonly publicKey: PublicKey;
  /** A new client of that key; called more than once. */
  create(): Signaling;
}

/** More than a message ever has. */
const OVERSIZE_BYTES = 1 << 20;

/**
 * The rules of {@link Signaling}.
 *
 * ```ts
 * runConformance(
 *   signalingConformance(({ time }) => {
 *     const hub = new MemorySignalingHub({ clock: time });
 *     const node = (publicKey: string) => ({ publicKey, create: () => hub.client(publicKey) });
 *     return { nodes: [node('a'), node('b')] };
 *   }),
 *   it,
 * );
 * ```
 */
export function signalingConformance(setUp: SetUp<SignalingSubject>): ConformanceCheck[] {
  return checksFrom(setUp, {
    'construction does no I/O': async ({ subject, pendingTimers }) => {
      const client = withoutIo(() => subject.nodes[0].create(), pendingTimers);
      assert.ok(!isUp(client), 'it is up before it was started');
      await client.stop();
    },
    'comes up, and tells': async (run) => {
      const client = run.subject.nodes[0].create();
      const told: string[] = [];
      const listening = client.onStateChange((states) => void told.push(...states.map(({ state }) => state)));
      await start(run, client);
      assert.ok(told.includes('up'), 'onStateChange did not say so');
      listening[Symbol.dispose]();
      await run.within(client.stop(), 'stop');
    },
    'states name their URL without a credential, and since when': async (run) => {
      const client = run.subject.nodes[0].create();
      const startedAtMs = run.world.clock.unixMs();
      await start(run, client);
      for (const { url, sinceMs } of client.states()) {
        const { username, password } = new URL(url);
        assert.equal(username + password, '', 'the URL shows a credential');
        assert.ok(sinceMs >= startedAtMs && sinceMs <= run.world.clock.unixMs(), 'sinceMs is no unix ms of its clock');
      }
      await run.within(client.stop(), 'stop');
    },
    'a message arrives as it was sent, with the key of its sender': async (run) => {
      await withPair(run, async (a, b) => {
        const received = collect(b.client);
        const sealed = Uint8Array.from({ length: 256 }, (_, index) => index);
        a.client.publish(b.publicKey, sealed);
        // What was handed in may be used for something else at once.
        sealed.fill(0);
        await run.eventually(() => received.length > 0, 'the message');
        assert.equal(received[0]?.from, a.publicKey);
        assert.deepEqual([...(received[0]?.sealed ?? [])], [...Array(256).keys()]);
      });
    },
    'messages go both ways at once': async (run) => {
      await withPair(run, async (a, b) => {
        const [atA, atB] = [collect(a.client), collect(b.client)];
        a.client.publish(b.publicKey, Uint8Array.of(1));
        b.client.publish(a.publicKey, Uint8Array.of(2));
        await run.eventually(() => atA.length > 0 && atB.length > 0, 'both messages');
        assert.deepEqual([atA[0]?.sealed[0], atB[0]?.sealed[0]], [2, 1]);
      });
    },
    "received bytes are the listener's to keep": async (run) => {
      await withPair(run, async (a, b) => {
        const received = collect(b.client);
        for (let value = 1; value <= 3; value += 1) a.client.publish(b.publicKey, Uint8Array.of(value, value));
        await run.eventually(() => received.length >= 3, 'three messages');
        const values = received.map(({ sealed }) => sealed[0]);
        assert.deepEqual(new Set(values), new Set([1, 2, 3]));
      });
    },
    'a disposed listener hears nothing': async (run) => {
      await withPair(run, async (a, b) => {
        const received = collect(b.client);
        let heard = 0;
        const listening = b.client.onMessage(() => (heard += 1));
        listening[Symbol.dispose]();
        listening[Symbol.dispose]();
        a.client.publish(b.publicKey, Uint8Array.of(1));
        await run.eventually(() => received.length > 0, 'the message');
        assert.equal(heard, 0);
      });
    },
    'publish never throws: before start, to nobody, nothing, too much, after stop': async (run) => {
      const [own, { publicKey }] = run.subject.nodes;
      const client = own.create();
      const publishAll = () => {
        client.publish(publicKey, Uint8Array.of(1));
        client.publish(NOBODY, Uint8Array.of(1));
        client.publish(publicKey, new Uint8Array(0));
        client.publish(publicKey, new Uint8Array(OVERSIZE_BYTES));
        client.publish('', Uint8Array.of(1));
      };
      publishAll();
      await start(run, client);
      publishAll();
      await run.world.time.advance(100);
      await run.within(client.stop(), 'stop');
      publishAll();
      await run.assertNoTimers();
    },
    'survives a flood, and carries messages afterwards': async (run) => {
      await withPair(run, async (a, b) => {
        for (let i = 0; i < 2000; i += 1) a.client.publish(NOBODY, new Uint8Array(100));
        const received = collect(b.client);
        let sent = 0;
        // Best effort: the engine calls again, and so does this.
        await run.eventually(() => {
          if (sent++ % 50 === 0) a.client.publish(b.publicKey, Uint8Array.of(9));
          return received.length > 0;
        }, 'a message after the flood');
      });
    },
    'stop is safe before start': async (run) => {
      const client = run.subject.nodes[0].create();
      await run.within(client.stop(), 'stop');
      await run.assertNoTimers();
    },
    'stop is safe during start': async (run) => {
      const client = run.subject.nodes[0].create();
      const starting = client.start({ signal: new AbortController().signal });
      const stopping = client.stop();
      await run.settled(starting, 'start');
      await run.within(stopping, 'stop');
      assert.ok(!isUp(client), 'it is up after stop');
      await run.assertNoTimers();
    },
    'stop is idempotent and leaves no timer': async (run) => {
      const client = run.subject.nodes[0].create();
      await start(run, client);
      await run.within(Promise.all([client.stop(), client.stop()]), 'two stops at once');
      await run.within(client.stop(), 'a third stop');
      assert.ok(!isUp(client), 'it is up after stop');
      await run.assertNoTimers();
    },
    'a stopped client hears nothing': async (run) => {
      await withPair(run, async (a, b) => {
        const received = collect(b.client);
        await run.within(b.client.stop(), 'stop');
        a.client.publish(b.publicKey, Uint8Array.of(1));
        await run.world.time.advance(1000);
        assert.equal(received.length, 0);
      });
    },
    'start honours an abort that came before it': async (run) => {
      const client = run.subject.nodes[0].create();
      await run.settled(client.start({ signal: AbortSignal.abort() }), 'start');
      await run.within(client.stop(), 'stop');
      await run.assertNoTimers();
    },
    'start honours an abort that comes during it': async (run) => {
      const client = run.subject.nodes[0].create();
      const controller = new AbortController();
      const starting = client.start({ signal: controller.signal });
      controller.abort();
      await run.settled(starting, 'start');
      await run.within(client.stop(), 'stop');
      await run.assertNoTimers();
    },
  });
}

const NOBODY = Buffer.alloc(32, 7).toString('base64');

const isUp = (client: Signaling) => client.states().some(({ state }) => state === 'up');

async function start(run: CheckRun<SignalingSubject>, client: Signaling): Promise<void> {
  await run.within(client.start({ signal: new AbortController().signal }), 'start');
  await run.eventually(() => isUp(client), 'signalling up');
}

interface Started {
  readonly publicKey: PublicKey;
  readonly client: Signaling;
}

async function withPair(
  run: CheckRun<SignalingSubject>,
  act: (a: Started, b: Started) => Promise<void>,
): Promise<void> {
  const [a, b] = run.subject.nodes;
  const first = { publicKey: a.publicKey, client: a.create() };
  const second = { publicKey: b.publicKey, client: b.create() };
  try {
    await start(run, first.client);
    await start(run, second.client);
    await act(first, second);
  } finally {
    await run.within(Promise.all([first.client.stop(), second.client.stop()]), 'stop');
  }
}

function collect(client: Signaling): { from: PublicKey; sealed: Uint8Array }[] {
  const received: { from: PublicKey; sealed: Uint8Array }[] = [];
  client.onMessage((message) => void received.push(message));
  return received;
}
