import { expect, it, vi } from 'vitest';
import type { Peer } from '../../src/contracts/peer-discovery.js';
import type { Transport, TransportPeer } from '../../src/contracts/transport.js';
import type { Signaling } from '../../src/contracts/signaling.js';
import { EdgeGuard } from '../../src/base/guard/edge-guard.js';
import { createIdentity } from '../../src/base/identity/create-identity.js';
import { memoryLogger } from '../../src/base/logging/memory-logger.js';
import { NatTraversal } from '../../src/shell/nat-traversal.js';
import { OwnNetwork } from '../../src/shell/driver/own-network.js';
import { FakeClock } from '../../src/base/time/fake-clock.js';
import { transportAddress } from '@wirepath/stun-codec';
import { idleTransport } from '../assembly/product/sample-product.js';
import { seededRandom } from '../engine/two-engines.js';

const MANY = 1000;
const keyOf = (i: number) => Buffer.concat([Buffer.alloc(28, 9), Buffer.of(i >> 8, i & 255, 7, 9)]).toString('base64');

/** Signalled unless it has an endpoint. */
const peer = (i: number, more: Partial<Peer> = {}): Peer => ({
  name: `p${i}`,
  publicKey: keyOf(i),
  allowedIps: [`10.78.${i >> 8}.${i & 255}/32`],
  keepaliveSeconds: 25,
  ...more,
});

/** A node with a thousand peers, and what it has asked of its transport since the last look. */
async function nodeWithManyPeers(more: (i: number) => Partial<Peer> = () => ({})) {
  const calls: string[] = [];
  const nothing = { [Symbol.dispose]: () => undefined };
  const transport: Transport = {
    ...idleTransport(),
    addPeer: ({ publicKey }: TransportPeer) => void calls.push(`add ${publicKey}`),
    removePeer: (publicKey) => void calls.push(`remove ${publicKey}`),
    setAllowedIps: (publicKey) => void calls.push(`ips ${publicKey}`),
    setPath: (publicKey) => void calls.push(`path ${publicKey}`),
    initiateHandshake: (publicKey) => void calls.push(`handshake ${publicKey}`),
  };
  const signaling: Signaling = {
    start: async () => undefined,
    stop: async () => undefined,
    publish: () => undefined,
    onMessage: () => nothing,
    states: () => [],
    onStateChange: () => nothing,
  };
  const clock = new FakeClock();
  const logger = memoryLogger();
  const random = seededRandom(1);
  const traversal = new NatTraversal({
    identity: createIdentity(random(32)),
    transport,
    candidateSources: [],
    relays: [],
    signalings: [{ plugin: 'rendezvous', instance: signaling }],
    settings: {
      enabled: true,
      holePunchTimeoutMs: 15_000,
      refreshIntervalMs: 60_000,
      maxCandidatePairs: 10,
      hardNat: true,
      upgradeTimeoutMs: 5000,
    },
    addresses: ['10.78.0.1/16'],
    clock,
    random: { bytes: random },
    logger,
    guard: EdgeGuard.create('test', { logger, clock }),
  });
  await traversal.start({ signal: new AbortController().signal });
  for (let i = 0; i < MANY; i++) traversal.setPeer(peer(i, more(i)));
  const take = () => calls.splice(0);
  return { clock, traversal, take };
}

it('of a thousand peers, one that goes, comes, changes or is renamed is one call, and no list is made anew', async () => {
  const { traversal, take } = await nodeWithManyPeers();
  expect(take()).toHaveLength(MANY);
  const networkChanges = vi.spyOn(OwnNetwork.prototype, 'setPeer');
  traversal.removePeer(keyOf(500));
  expect(take()).toEqual([`remove ${keyOf(500)}`]);
  traversal.setPeer(peer(500));
  expect(take()).toEqual([`add ${keyOf(500)}`]);
  traversal.setPeer(peer(501, { allowedIps: ['10.79.0.1/32'] }));
  expect(take()).toEqual([`add ${keyOf(501)}`]);
  traversal.setPeer(peer(502, { name: 'renamed' }));
  expect(take()).toEqual([]);
  expect(traversal.peer(keyOf(502))?.name).toBe('renamed');
  expect(networkChanges).toHaveBeenCalledTimes(3);
  networkChanges.mockRestore();
  await traversal.stop();
});

it('plain peers shake hands some at a time, once each, and not for a new name', async () => {
  const endpoint = transportAddress('192.0.2.1', 51820);
  const { clock, traversal, take } = await nodeWithManyPeers(() => ({ endpoint }));
  const handshakes = () => take().filter((call) => call.startsWith('handshake'));
  const first = handshakes();
  expect(first.length).toBeLessThan(50);
  await clock.advance(20);
  expect(handshakes().length).toBeLessThan(50);
  await clock.advance(10_000);
  take();
  traversal.setPeer(peer(7, { endpoint, name: 'renamed' }));
  expect(handshakes()).toEqual([]);
  traversal.setPeer(peer(7, { endpoint: transportAddress('192.0.2.2', 51820), name: 'renamed' }));
  expect(handshakes()).toEqual([`handshake ${keyOf(7)}`]);
  await traversal.stop();
});
