import { expect, it } from 'vitest';
import type { Signaling, SignalingState } from '../../../src/contracts/signaling.js';
import type { CallMessage } from '../../../src/engine/messages.js';
import { MessageSeal } from '../../../src/shell/sealing/message-seal.js';
import { createIdentity } from '../../../src/base/identity/create-identity.js';
import { SignalExchange } from '../../../src/shell/plugins/signal-exchange.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import { seededRandom } from '../../engine/two-engines.js';
import { SAMPLE_MESSAGE } from '../../engine/sample-message.js';

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
    nameOf: () => undefined,
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

const message = (more: Partial<CallMessage> = {}): CallMessage => ({ ...SAMPLE_MESSAGE, ...more });

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
    nameOf: () => undefined,
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

/** An exchange that hears what the test says, with one peer called b. */
function listeningExchange() {
  const random = seededRandom(3);
  const clock = new FakeClock();
  let hear: (message: { from: string; sealed: Uint8Array }) => void = () => undefined;
  const nothing = { [Symbol.dispose]: () => undefined };
  const instance: Signaling = {
    start: async () => undefined,
    stop: async () => undefined,
    publish: () => undefined,
    onMessage: (listener) => ((hear = listener), nothing),
    states: () => [],
    onStateChange: () => nothing,
  };
  const [own, b, stranger, plain] = [1, 2, 3, 4].map(() => createIdentity(random(32)));
  const names = new Map([
    [b!.publicKey, 'b'],
    [plain!.publicKey, 'plain'],
  ]);
  const exchange = new SignalExchange({
    identity: own!,
    clock,
    random: { bytes: random },
    signalings: [{ plugin: 'rendezvous', instance }],
    isPeer: (key) => key === b!.publicKey,
    nameOf: (key) => names.get(key),
    onEvent: () => undefined,
  });
  const sealedBy = (from: typeof own, atMs: number) => {
    const time = { ...clock, unixMs: () => atMs } as unknown as FakeClock;
    return new MessageSeal(from!, time, { bytes: random }).seal(own!.publicKey, message()) ?? new Uint8Array();
  };
  const say = (from: typeof own, sealed: Uint8Array) => hear({ from: from!.publicKey, sealed });
  const start = () => exchange.start(new AbortController().signal);
  return { exchange, clock, b, stranger, plain, sealedBy, say, start };
}

const HOUR_MS = 3_600_000;

it.each([
  {
    what: 'the clock of a peer was ahead',
    say: ({ say, sealedBy, b }: ReturnType<typeof listeningExchange>) => {
      say(b, sealedBy(b, 5 * HOUR_MS));
      say(b, sealedBy(b, 2 * HOUR_MS));
    },
    told: [/^b: what it says is dropped, for it is 3 hours older .* its clock was ahead.* restart this node$/],
  },
  {
    what: 'a copy of one message came through a second server',
    say: ({ say, sealedBy, b }: ReturnType<typeof listeningExchange>) => {
      const sealed = sealedBy(b, HOUR_MS);
      say(b, sealed);
      say(b, sealed);
    },
    told: [],
  },
  {
    what: 'somebody calls who is no peer here, however often',
    say: ({ say, sealedBy, stranger }: ReturnType<typeof listeningExchange>) => {
      for (let i = 0; i < 3; i++) say(stranger, sealedBy(stranger, HOUR_MS));
    },
    told: [/ calls this node, which has no such peer: .* add it to peers here$/],
  },
  {
    what: 'a peer calls that has an endpoint here',
    say: ({ say, sealedBy, plain }: ReturnType<typeof listeningExchange>) => say(plain, sealedBy(plain, HOUR_MS)),
    told: [/^plain calls this node, where it has an endpoint/],
  },
  {
    what: 'a message in the name of a peer was sealed with another key',
    say: ({ say, sealedBy, b, stranger }: ReturnType<typeof listeningExchange>) => say(b, sealedBy(stranger, HOUR_MS)),
    told: [/^b: a message in its name was not sealed by it/],
  },
  {
    what: 'a peer speaks another version',
    say: ({ say, b }: ReturnType<typeof listeningExchange>) => say(b, Uint8Array.of(99, 1, 2, 3)),
    told: [/^b: its messages cannot be read here: run the same version/],
  },
])('status has a sentence with a cure where $what', async ({ say, told }) => {
  const exchange = listeningExchange();
  await exchange.start();
  say(exchange);
  expect(exchange.exchange.problems()).toEqual(told.map((sentence) => expect.stringMatching(sentence) as string));
  await exchange.clock.advance(HOUR_MS);
  expect(exchange.exchange.problems()).toEqual([]);
});

it('strangers do not crowd out what is wrong with peers, nor does what they do grow', async () => {
  const { exchange, say, sealedBy, b, start } = listeningExchange();
  await start();
  say(b, Uint8Array.of(99));
  for (let i = 0; i < 500; i++) say({ ...b!, publicKey: `stranger${i}` }, sealedBy(b, HOUR_MS));
  const problems = exchange.problems();
  expect(problems[0]).toMatch(/^b: /);
  expect(problems).toHaveLength(1 + 5 + 1);
  expect(problems.at(-1)).toBe('and 59 more of this kind');
});
