import { expect, it } from 'vitest';
import type { Signaling, SignalingState } from '../../src/contracts/signaling.js';
import { createIdentity } from '../../src/identity/create-identity.js';
import { SignalExchange } from '../../src/nat-traversal/signal-exchange.js';
import { FakeClock } from '../../src/time/fake-clock.js';
import { seededRandom } from '../traversal/two-engines.js';

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
