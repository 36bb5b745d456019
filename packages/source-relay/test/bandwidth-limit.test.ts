import type { TransportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { BandwidthLimit } from '../src/server/bandwidth-limit.js';
import { PEER, turnLab } from './turn-lab.js';

const SECOND = 1000;

describe('BandwidthLimit', () => {
  it('without a limit everything may go', () => {
    const limit = new BandwidthLimit();
    expect(limit.take({}, 'toPeers', 1e9, 0)).toBe(true);
  });

  it("a second's worth at once, then as much as time brings; each way and each allocation for itself", () => {
    const limit = new BandwidthLimit();
    const [a, b] = [{}, {}];
    limit.set(8_000_000);
    expect(limit.take(a, 'toPeers', 1_000_000, 0)).toBe(true);
    expect(limit.take(a, 'toPeers', 1000, 0)).toBe(false);
    expect(limit.take(a, 'toClients', 1000, 0)).toBe(true);
    expect(limit.take(b, 'toPeers', 1000, 0)).toBe(true);
    expect(limit.take(a, 'toPeers', 1000, 1)).toBe(true);
    expect(limit.take(a, 'toPeers', 1, 1)).toBe(false);
  });

  it('the largest datagram passes, however low it is; another limit holds from now on', () => {
    const limit = new BandwidthLimit();
    const allocation = {};
    limit.set(64_000);
    expect(limit.take(allocation, 'toPeers', 65_507, 0)).toBe(true);
    expect(limit.take(allocation, 'toPeers', 65_507, 0)).toBe(false);
    limit.set(64_000);
    expect(limit.take(allocation, 'toPeers', 65_507, 0)).toBe(false);
    limit.set(128_000);
    expect(limit.take(allocation, 'toPeers', 65_507, 0)).toBe(true);
    limit.set(undefined);
    expect(limit.take(allocation, 'toPeers', 65_507, 0)).toBe(true);
  });
});

describe('turn.maxBitsPerSecond', () => {
  const KILOBYTE = 'x'.repeat(1000);

  it('drops what is over it, both ways, counts it and says so; a reload raises it', async () => {
    const lab = await turnLab({ turn: { maxBitsPerSecond: 64_000 } });
    const client = await lab.client();
    const relayed = (await client.allocate()).relayedAddress as TransportAddress;
    await client.bindChannel(0x4000, PEER);
    for (let n = 0; n < 70; n++) {
      await client.sendChannelData(0x4000, KILOBYTE);
      await lab.fromPeer(KILOBYTE, relayed);
    }
    expect(lab.peer.received).toHaveLength(65);
    expect(client.data).toHaveLength(65);
    expect(lab.drops()).toEqual({ 'over-bandwidth': 10 });
    expect(lab.server.status()).toMatchObject({
      relayed: { toPeers: { packets: 65, bytes: 65_000 }, toClients: { packets: 65, bytes: 65_000 } },
    });
    expect(lab.server.problems().join()).toContain('an allocation of lab is to carry more than turn.maxBitsPerSecond');
    await lab.clock.advance(SECOND);
    for (let n = 0; n < 10; n++) await client.sendChannelData(0x4000, KILOBYTE);
    expect(lab.peer.received).toHaveLength(65 + 8);
    expect(lab.server.reload({ turn: { ...lab.turn, maxBitsPerSecond: 640_000 } })).toEqual([]);
    await lab.clock.advance(0);
    for (let n = 0; n < 10; n++) await client.sendChannelData(0x4000, KILOBYTE);
    expect(lab.peer.received).toHaveLength(65 + 8 + 10);
  });
});
