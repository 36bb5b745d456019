import type { CandidateSource } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import type { FakeClock } from '../src/index.js';
import { during, twoNodes } from './two-nodes.js';

describe('connectToPeer', () => {
  it('resolves with the connection type once there is a path and a session', async () => {
    const net = await twoNodes();
    await net.start();
    await expect(during(net.clock, net.a.traversal.connectToPeer(net.b.identity.publicKey))).resolves.toBe('direct');
    await net.stop();
    // What is on its way arrives.
    await net.clock.advance(100);
    expect(net.clock.pendingTimers).toBe(0);
  });

  it('fails after the budget, with the name of the peer', async () => {
    const net = await twoNodes();
    net.network.lets = () => false;
    await net.start();
    await expect(during(net.clock, net.a.traversal.connectToPeer(net.b.identity.publicKey))).rejects.toMatchObject({
      code: 'NAT_TRAVERSAL_FAILED',
      subject: 'peer',
    });
    await net.stop();
  });

  it('ends with its signal, and refuses who is no peer', async () => {
    const net = await twoNodes();
    await net.start();
    const abort = new AbortController();
    const waiting = net.a.traversal.connectToPeer(net.b.identity.publicKey, { signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(net.a.traversal.connectToPeer('nobody')).rejects.toMatchObject({ code: 'PEER_NOT_FOUND' });
    await net.stop();
  });

  it('a peer that was not tried yet is not called direct', async () => {
    const net = await twoNodes();
    await net.start();
    expect(net.a.traversal.view(net.b.identity.publicKey)?.connection).toBe('connecting');
    await net.stop();
  });
});

describe('refresh', () => {
  it('one source that fails keeps no other from being refreshed', async () => {
    let refreshed = 0;
    const net = await twoNodes({
      async *gather() {},
      refresh: () => Promise.reject(new Error('STUN is down')),
    });
    const changing: CandidateSource = {
      async *gather() {},
      refresh: async () => {
        refreshed += 1;
        return true;
      },
    };
    net.a.sources.push({ plugin: 'changing', instance: changing });
    await net.start();
    await expect(during(net.clock, net.a.traversal.refresh())).resolves.toBe(true);
    expect(refreshed).toBe(1);
    await net.stop();
  });

  it('says false when nothing changed', async () => {
    const net = await twoNodes();
    await net.start();
    await expect(during(net.clock, net.a.traversal.refresh())).resolves.toBe(false);
    await net.stop();
  });
});

describe('attemptUpgrade', () => {
  it('has nothing to do on a direct path, and touches nothing', async () => {
    const net = await twoNodes();
    await net.start();
    const { publicKey } = net.b.identity;
    await during(net.clock, net.a.traversal.connectToPeer(publicKey));
    const before = net.a.traversal.view(publicKey)?.pairInUse;
    await expect(during(net.clock, net.a.traversal.attemptUpgrade(publicKey))).resolves.toBeUndefined();
    expect(net.a.traversal.view(publicKey)?.pairInUse?.remote).toBe(before?.remote);
    await net.stop();
  });
});

describe('gatherCandidates', () => {
  it('gives what all sources found, or says that there is nothing', async () => {
    const net = await twoNodes();
    const candidates = await net.a.traversal.gatherCandidates();
    expect(candidates.map(({ type, source }) => `${type} ${source}`)).toEqual(['host host']);
    expect(net.a.traversal.localCandidates()).toEqual(candidates);
    expect(net.a.traversal.natBehavior()).toEqual({ mapping: null, filtering: null });
    await net.stop();
  });
});

describe('ping', () => {
  it('measures the active path', async () => {
    const net = await twoNodes();
    await net.start();
    const { publicKey } = net.b.identity;
    await during(net.clock, net.a.traversal.connectToPeer(publicKey));
    await expect(during(net.clock, net.a.traversal.ping(publicKey, { timeoutMs: 1000 }))).resolves.toMatchObject({
      connection: 'direct',
    });
    net.network.lets = () => false;
    await expect(during(net.clock, net.a.traversal.ping(publicKey, { timeoutMs: 1000 }))).resolves.toBeUndefined();
    await net.stop();
  });
});

describe('a node that slept', () => {
  it.each([
    ['one that counts suspended time', (clock: FakeClock) => clock.suspend(3_600_000)],
    ['one that does not', (clock: FakeClock) => Promise.resolve(clock.jumpWallClock(3_600_000))],
  ])('notices by its clock, %s, and asks its paths and the network again at once', async (_which, suspend) => {
    const net = await twoNodes();
    await net.start();
    const { publicKey } = net.b.identity;
    await during(net.clock, net.a.traversal.connectToPeer(publicKey));
    await net.clock.advance(15_000);
    const checks = () => net.a.traversal.view(publicKey)?.pairInUse?.checksSent ?? 0;
    const before = checks();
    await net.clock.advance(3000);
    expect(checks()).toBe(before);
    await suspend(net.clock);
    await net.clock.advance(3000);
    expect(checks()).toBeGreaterThan(before);
    expect(net.a.traversal.view(publicKey)?.connection).toBe('direct');
    await net.stop();
  });
});
