import { expect, it } from 'vitest';
import type { Signaling, SignalingState } from '../../../src/contracts/signaling.js';
import type { CallMessage } from '../../../src/engine/messages.js';
import { MessageSeal } from '../../../src/shell/sealing/message-seal.js';
import { createIdentity } from '../../../src/base/identity/create-identity.js';
import { SignalExchange } from '../../../src/shell/adapters/signal-exchange.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { seededRandom } from '../../engine/two-engines.js';

/** Two servers of one plugin, whose states the test sets. */
async function twoServers() {
  const states: SignalingState[] = ['one', 'two'].map((url) => ({ url, state: 'connecting', sinceMs: 0 }));
  const told: boolean[] = [];
  let listener = () => undefined as void;
  const nothing = { [Symbol.dispose]: () => undefined };
  const instance: Signaling = {
    start: async () => undefined,
    stop: async () => undefined,
    publish: () => undefined,
    onMessage: () => nothing,
    states: () => states,
    onStateChange: (listen) => {
      listener = () => listen(states);
      return nothing;
    },
  };
  const random = seededRandom(1);
  const exchange = new SignalExchange({
    identity: createIdentity(random(32)),
    clock: new FakeClock(),
    random: { bytes: random },
    signalings: [{ plugin: 'rendezvous', instance }],
    isPeer: () => true,
    onEvent: (event) => {
      if (event.type === 'signaling-state') told.push(event.up);
    },
  });
  await exchange.start(new AbortController().signal);
  const set = (index: 0 | 1, state: SignalingState['state']) => {
    states[index] = { ...states[index]!, state };
    listener();
  };
  return { told, set };
}

it('peers are called when a server comes up, and not at every change of another', async () => {
  const { told, set } = await twoServers();
  set(0, 'up');
  expect(told).toEqual([true]);
  for (const state of ['down', 'connecting', 'down', 'connecting'] as const) set(1, state);
  expect(told).toEqual([true]);
  set(1, 'up');
  expect(told).toEqual([true, true]);
  set(0, 'down');
  expect(told).toEqual([true, true]);
  set(1, 'connecting');
  expect(told).toEqual([true, true, false]);
});

const message = (more: Partial<CallMessage> = {}): CallMessage => ({
  runId: '0011223344556677',
  generation: 0,
  revision: 0,
  ufrag: 'abcd',
  password: 'abcdefghijklmnopqrstuvwx',
  candidates: [],
  natBehavior: { mapping: null, filtering: null },
  call: false,
  seen: null,
  asksForEvidence: false,
  evidence: null,
  ...more,
});

/** An exchange and what it has published since the last look. */
function exchangeWithPeers() {
  const random = seededRandom(2);
  const clock = new FakeClock();
  const published: { to: string; sealed: Uint8Array }[] = [];
  const nothing = { [Symbol.dispose]: () => undefined };
  const instance: Signaling = {
    start: async () => undefined,
    stop: async () => undefined,
    publish: (to, sealed) => void published.push({ to, sealed }),
    onMessage: () => nothing,
    states: () => [],
    onStateChange: () => nothing,
  };
  const identity = createIdentity(random(32));
  const exchange = new SignalExchange({
    identity,
    clock,
    random: { bytes: random },
    signalings: [{ plugin: 'rendezvous', instance }],
    isPeer: () => true,
    onEvent: () => undefined,
  });
  const newPeer = () => createIdentity(random(32));
  return { clock, exchange, identity, newPeer, random, take: () => published.splice(0) };
}

it('calls to hundreds of peers are sealed some at a time, all in the end', async () => {
  const { clock, exchange, newPeer, take } = exchangeWithPeers();
  const peers = Array.from({ length: 200 }, () => newPeer().publicKey);
  for (const peer of peers) exchange.send(peer, message());
  const sent = take();
  expect(sent.length).toBeLessThan(50);
  while (sent.length < peers.length) {
    await clock.advance(20);
    const turn = take();
    expect(turn.length).toBeGreaterThan(0);
    expect(turn.length).toBeLessThan(50);
    sent.push(...turn);
  }
  expect(new Set(sent.map(({ to }) => to))).toEqual(new Set(peers));
});

it('of several messages that wait for one peer the newest is sent, which asks and tells what the others did', async () => {
  const { clock, exchange, identity, newPeer, random, take } = exchangeWithPeers();
  for (let i = 0; i < 50; i++) exchange.send(newPeer().publicKey, message());
  const peer = newPeer();
  exchange.send(peer.publicKey, message({ call: true, asksForEvidence: true, evidence: [] }));
  exchange.send(peer.publicKey, message({ revision: 1 }));
  const gone = newPeer().publicKey;
  exchange.send(gone, message());
  exchange.forget(gone);
  take();
  await clock.advance(1000);
  const sent = take();
  const [only, ...more] = sent.filter(({ to }) => to === peer.publicKey);
  expect(more).toEqual([]);
  expect(sent.filter(({ to }) => to === gone)).toEqual([]);
  const seal = new MessageSeal(peer, clock, { bytes: random });
  expect(seal.open(identity.publicKey, only?.sealed ?? new Uint8Array(), () => true)).toEqual({
    message: message({ revision: 1, call: true, asksForEvidence: true, evidence: [] }),
  });
});
