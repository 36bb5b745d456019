import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { at } from './raw-client.js';
import { PEER, SERVER, turnLab } from './turn-lab.js';

const ELSEWHERE = at('198.51.100.7', 51821);

/** A socket remembers what it has found for a source: nothing of it may outlive what it stands for. */
describe('what is remembered of a source', () => {
  it('is not the allocation that has ended at this 5-tuple, but the next one', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    await client.allocate();
    await client.bindChannel(0x4000, PEER);
    await client.sendChannelData(0x4000, 'first');
    await client.request({ method: 'refresh', lifetimeSeconds: 0 });
    await client.sendChannelData(0x4000, 'ended');
    const { relayedAddress } = await client.allocate();
    await client.sendChannelData(0x4000, 'unbound');
    await client.bindChannel(0x4000, PEER);
    await client.sendChannelData(0x4000, 'second');
    expect(lab.peer.received.map((text) => text.split(' ')[1])).toEqual(['first', 'second']);
    expect(lab.peer.received[1]).toContain(`:${relayedAddress!.port} `);
    expect(lab.drops()).toEqual({ 'no-allocation': 1, 'no-channel': 1 });
  });

  it('is not an expired permission or channel, whether thrown away or not, but what came after', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    const { relayedAddress } = await client.allocate({ lifetimeSeconds: 3600 });
    await client.bindChannel(0x4000, PEER);
    await lab.fromPeer('channel', relayedAddress);
    await lab.clock.advance(300_000);
    await lab.fromPeer('dropped', relayedAddress);
    await client.permit(PEER);
    await lab.fromPeer('permitted again', relayedAddress);
    await lab.clock.advance(300_000);
    await client.permit(PEER);
    await lab.fromPeer('no channel', relayedAddress);
    await client.bindChannel(0x4001, PEER);
    await lab.fromPeer('another channel', relayedAddress);
    expect(client.data).toEqual([
      '4000 channel',
      '4000 permitted again',
      `${PEER.ip}:${PEER.port} no channel`,
      '4001 another channel',
    ]);
  });

  it('is not the neighbour that has gone, nor that an address was nobody’s before', async () => {
    const lab = await turnLab({ turn: { relayPorts: [50_000, 50_001], allowPeers: [`${SERVER.ip}/32`] } });
    const client = await lab.client();
    const { relayedAddress } = await client.allocate();
    const other = at(SERVER.ip, relayedAddress!.port === 50_000 ? 50_001 : 50_000);
    await client.bindChannel(0x4000, other);
    await client.sendChannelData(0x4000, 'to nobody');
    for (const text of ['one', 'two']) {
      const neighbour = await lab.client();
      expect((await neighbour.allocate()).relayedAddress).toEqual(other);
      await neighbour.bindChannel(0x4100, relayedAddress!);
      await client.sendChannelData(0x4000, text);
      await neighbour.sendChannelData(0x4100, `back from ${text}`);
      expect(neighbour.data).toEqual([`4100 ${text}`]);
      await neighbour.request({ method: 'refresh', lifetimeSeconds: 0 });
      await client.sendChannelData(0x4000, 'to nobody again');
    }
    expect(client.data).toEqual(['4000 back from one', '4000 back from two']);
  });

  it('is never another source’s, in any order of what two peers and a client do', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('bind' as const), peer: fc.nat(1), channel: fc.nat(1) }),
      fc.record({ kind: fc.constant('send' as const), channel: fc.nat(1) }),
      fc.record({ kind: fc.constant('hear' as const), peer: fc.nat(1) }),
      fc.record({ kind: fc.constant('wait' as const), seconds: fc.constantFrom(1, 299, 301) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const peers = [PEER, ELSEWHERE] as const;
        const lab = await turnLab();
        const client = await lab.client();
        const heardElsewhere: string[] = [];
        await lab.network.open(ELSEWHERE, (bytes) => heardElsewhere.push(bytes.toString()));
        const { relayedAddress } = await client.allocate({ lifetimeSeconds: 3600 });
        const bound: { channel: number; peer: number; untilMs: number }[] = [];
        let permittedUntilMs = 0;
        let nowMs = 0;
        const sent: string[][] = [[], []];
        const heard: string[] = [];
        for (const [n, one] of steps.entries()) {
          const live = bound.filter(({ untilMs }) => untilMs > nowMs);
          if (one.kind === 'wait') {
            await lab.clock.advance(one.seconds * 1000);
            nowMs += one.seconds * 1000;
          } else if (one.kind === 'bind') {
            const answer = await client.bindChannel(0x4000 + one.channel, peers[one.peer]!);
            const same = live.find(({ channel, peer }) => channel === one.channel && peer === one.peer);
            const fits = same !== undefined || !live.some((b) => b.channel === one.channel || b.peer === one.peer);
            expect(answer.class).toBe(fits ? 'success' : 'error');
            if (!fits) continue;
            permittedUntilMs = nowMs + 300_000;
            if (same === undefined) bound.push({ channel: one.channel, peer: one.peer, untilMs: nowMs + 600_000 });
            else same.untilMs = nowMs + 600_000;
          } else if (one.kind === 'send') {
            await client.sendChannelData(0x4000 + one.channel, String(n));
            const to = live.find(({ channel }) => channel === one.channel);
            if (to !== undefined && permittedUntilMs > nowMs) sent[to.peer]!.push(String(n));
          } else {
            await lab.fromPeer(String(n), relayedAddress, peers[one.peer]);
            const by = live.find(({ peer }) => peer === one.peer);
            const name = by === undefined ? `${PEER.ip}:${peers[one.peer]!.port}` : (0x4000 + by.channel).toString(16);
            if (permittedUntilMs > nowMs) heard.push(`${name} ${n}`);
          }
        }
        expect(lab.peer.received.map((text) => text.split(' ')[1])).toEqual(sent[0]);
        expect(heardElsewhere).toEqual(sent[1]);
        expect(client.data).toEqual(heard);
        await lab.server.stop();
      }),
      { numRuns: 40 },
    );
  });
});
