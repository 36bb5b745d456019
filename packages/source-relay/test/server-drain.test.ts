import { encodeStunMessage } from '@wirepath/stun-codec';
import { expect, it } from 'vitest';
import { heldPorts } from './held-ports.js';
import { settled } from './memory-network.js';
import { at } from './raw-client.js';
import { PEER, turnLab } from './turn-lab.js';

const SHUTTING_DOWN = { code: 508, reason: 'Shutting Down' };

type Lab = Awaited<ReturnType<typeof turnLab>>;

function drain(lab: Lab, withinMs = 60_000) {
  const state = { isDone: false };
  void lab.server.drain({ withinMs }).then(() => {
    state.isDone = true;
  });
  return state;
}

it('with nobody there it is done at once', async () => {
  const lab = await turnLab();
  const state = drain(lab);
  await settled();
  expect(state.isDone).toBe(true);
});

it('whoever is new is told at the first word, and who has a nonce too', async () => {
  const lab = await turnLab();
  const [old, probed] = [await lab.client(), await lab.client()];
  await old.allocate();
  await probed.exchange(probed.encode({ method: 'allocate', requestedTransport: 17 }));
  probed.takeNonce();
  drain(lab);
  const stranger = await lab.client();
  for (const client of [stranger, probed]) {
    const answer = await client.exchange(client.encode({ method: 'allocate', requestedTransport: 17 }));
    expect(answer?.errorCode).toEqual(SHUTTING_DOWN);
  }
  expect((await stranger.exchange(stranger.encode({ method: 'refresh' })))?.errorCode?.code).toBe(401);
  expect(lab.server.status()).toMatchObject({ allocations: 1 });
  expect(lab.server.problems()).toEqual([]);
});

it('whoever is there goes on, is granted what is left, and is the last to go', async () => {
  const lab = await turnLab();
  const { client } = lab.connect();
  await client.allocate();
  const state = drain(lab);
  await client.bindChannel(0x4000, PEER);
  await client.sendChannelData(0x4000, 'hello');
  expect(lab.peer.received).toHaveLength(1);
  expect((await client.request({ method: 'refresh' })).lifetimeSeconds).toBe(60);
  await lab.clock.advance(50_000);
  expect((await client.request({ method: 'refresh', lifetimeSeconds: 3600 })).lifetimeSeconds).toBe(10);
  await lab.clock.advance(9_900);
  expect((await client.request({ method: 'refresh' })).lifetimeSeconds).toBe(1);
  expect(state.isDone).toBe(false);
  await client.request({ method: 'refresh', lifetimeSeconds: 0 });
  await settled();
  expect(state.isDone).toBe(true);
});

it('it is done when the last one has expired', async () => {
  const lab = await turnLab();
  await (await lab.client()).allocate();
  const state = drain(lab, 3_600_000);
  await lab.clock.advance(590_000);
  await settled();
  expect(state.isDone).toBe(false);
  await lab.clock.advance(20_000);
  await settled();
  expect(state.isDone).toBe(true);
});

it('an Allocate that waits for its port is waited for', async () => {
  const { release, ...held } = heldPorts();
  const lab = await turnLab(held);
  const client = await lab.client();
  await client.exchange(client.encode({ method: 'allocate', requestedTransport: 17 }));
  client.takeNonce();
  await client.send(client.encode({ method: 'allocate', requestedTransport: 17 }));
  const state = drain(lab);
  await settled();
  expect(state.isDone).toBe(false);
  release();
  await settled();
  expect(lab.server.status()).toMatchObject({ allocations: 1 });
  await client.request({ method: 'refresh', lifetimeSeconds: 0 });
  await settled();
  expect(state.isDone).toBe(true);
});

it('listens to no new connections; those of before live on', async () => {
  const lab = await turnLab();
  const { client } = lab.connect();
  await client.allocate();
  drain(lab);
  expect(lab.streams.addresses).toEqual([]);
  expect(lab.server.describe()).toEqual(['turn 203.0.113.10:3478']);
  expect((await client.request({ method: 'refresh' })).class).toBe('success');
  // STUN is answered as before.
  const other = await lab.client(at('192.0.2.9', 9));
  const binding = encodeStunMessage({ class: 'request', method: 'binding', transactionId: Buffer.alloc(12, 1) });
  expect((await other.exchange(binding))?.class).toBe('success');
  await lab.server.stop();
});

it('a port kept by EVEN-PORT is no reason to wait', async () => {
  const lab = await turnLab();
  const client = await lab.client();
  await client.allocate({ evenPort: { reserveNext: true } });
  const state = drain(lab);
  await client.request({ method: 'refresh', lifetimeSeconds: 0 });
  await settled();
  expect(state.isDone).toBe(true);
});
