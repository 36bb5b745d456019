import { FakeClock } from '@wirepath/core';
import { describe, expect, it } from 'vitest';
import type { TransportAddress } from '@wirepath/core/plugin';
import { CHANNEL_QUARANTINE_MS, ChannelNumbers } from '../src/client/channel-numbers.js';
import { CHANNEL_RENEWAL_MS, PeerBindings, PERMISSION_RENEWAL_MS } from '../src/client/peer-bindings.js';
import type { TurnOutcome, TurnSession } from '../src/client/turn-session.js';
import { testNeeds } from './needs.js';
import { at } from './raw-client.js';
import { PEER, SERVER } from './turn-lab.js';

type Request = Parameters<TurnSession['request']>[0];
const success = { kind: 'success' } as TurnOutcome;
const refused = (code: number) => ({ kind: 'refused', code, reason: '' }) as TurnOutcome;

/** Bindings over a session that answers as the test says. */
function bindings(answer: (request: Request) => TurnOutcome = () => success) {
  const clock = new FakeClock();
  const requests: Request[] = [];
  const sent: { readonly peer: TransportAddress; readonly text: string }[] = [];
  const mismatches: string[] = [];
  const ended = new AbortController();
  const made = new PeerBindings({
    url: 'turn:test',
    allocationId: 'a1',
    session: {
      channelFraming: (allocationId, channel) => ({
        kind: 'channel',
        allocationId,
        base: { id: 'udp', family: 4, port: 1, shared: true },
        server: SERVER,
        channel,
      }),
      request: (request) => {
        requests.push(request);
        return Promise.resolve(answer(request));
      },
      sendIndication: (peer, data) => void sent.push({ peer, text: Buffer.from(data).toString() }),
    },
    clock,
    logger: testNeeds().logger,
    signal: ended.signal,
    onMismatch: (reason) => mismatches.push(reason),
  });
  return { made, clock, requests, sent, mismatches, ended };
}

const other = at(PEER.ip, 9);

describe('permissions and channels of a client', () => {
  it('are one request each, at once, with one address each', async () => {
    const { made, requests } = bindings();
    const first = made.permit(PEER);
    expect(requests).toEqual([
      { method: 'channel-bind', channelNumber: 0x4000, peerAddresses: [PEER] },
      { method: 'create-permission', peerAddresses: [PEER] },
    ]);
    await first;
    await made.permit(other);
    expect(requests.slice(2)).toEqual([{ method: 'channel-bind', channelNumber: 0x4001, peerAddresses: [other] }]);
  });

  it('are renewed apart from each other', async () => {
    const { made, clock, requests } = bindings();
    await made.permit(PEER);
    requests.length = 0;
    await clock.advance(PERMISSION_RENEWAL_MS);
    expect(requests.map(({ method }) => method)).toEqual(['create-permission']);
    await clock.advance(CHANNEL_RENEWAL_MS - PERMISSION_RENEWAL_MS);
    expect(requests.map(({ method }) => method)).toEqual(['create-permission', 'create-permission', 'channel-bind']);
  });

  it('fall back to Send indications beyond 4,096 channels', async () => {
    const { made, sent } = bindings();
    const peers = Array.from({ length: 4097 }, (_, i) => at(`198.51.${i >> 8}.${i & 255}`, 7));
    const framings = await Promise.all(peers.map((peer) => made.permit(peer)));
    expect(framings.filter(({ kind }) => kind === 'channel')).toHaveLength(4096);
    const [last, lastPeer] = [framings.at(-1)!, peers.at(-1)!];
    expect(last).toMatchObject({ kind: 'stream', allocationId: 'a1' });
    if (last.kind === 'stream') last.send(Buffer.from('hello'));
    expect(sent).toEqual([{ peer: lastPeer, text: 'hello' }]);
    expect(made.framingOf(lastPeer)).toBe(last);
  });

  it.each([400, 486, 508])('fall back to Send indications when ChannelBind is refused (%i)', async (code) => {
    const { made } = bindings(({ method }) => (method === 'channel-bind' ? refused(code) : success));
    expect((await made.permit(PEER)).kind).toBe('stream');
  });

  it.each(['channel-bind', 'create-permission'])('reject the peer when %s says 403', async (method) => {
    const { made, clock } = bindings((request) => (request.method === method ? refused(403) : success));
    await expect(made.permit(PEER)).rejects.toMatchObject({ code: 'TURN_RELAY' });
    await clock.advance(0);
    expect(made.framingOf(PEER)).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('tell that the allocation is gone (437)', async () => {
    const { made, mismatches } = bindings(() => refused(437));
    await expect(made.permit(PEER)).rejects.toMatchObject({ code: 'TURN_RELAY' });
    expect(mismatches).not.toEqual([]);
  });

  it('ask again soon when a renewal is not answered', async () => {
    let up = true;
    const { made, clock, requests } = bindings(() => (up ? success : { kind: 'unanswered' }));
    await made.permit(PEER);
    up = false;
    await clock.advance(PERMISSION_RENEWAL_MS);
    requests.length = 0;
    await clock.advance(10_000);
    expect(requests.map(({ method }) => method)).toEqual(['create-permission']);
  });

  it('go over to another port of the address when a renewal is refused, and ask anew for who is permitted again', async () => {
    const refusedPorts = new Set<number>();
    const { made, clock, requests } = bindings(({ peerAddresses }) =>
      refusedPorts.has(peerAddresses?.[0]?.port ?? 0) ? refused(403) : success,
    );
    await made.permit(PEER);
    await made.permit(other);
    refusedPorts.add(other.port);
    requests.length = 0;
    await clock.advance(PERMISSION_RENEWAL_MS);
    expect(requests.map(({ peerAddresses }) => peerAddresses?.[0])).toEqual([other, PEER]);
    await expect(made.permit(other)).rejects.toMatchObject({ code: 'TURN_RELAY' });
    refusedPorts.clear();
    expect((await made.permit(other)).kind).toBe('channel');
  });

  it('keep one framing per address for data that comes unasked, and not more than 256 of them', async () => {
    const { made } = bindings();
    await made.permit(PEER);
    const first = made.framingOf(other);
    expect(first).toMatchObject({ kind: 'stream' });
    expect(made.framingOf(other)).toBe(first);
    for (let port = 1000; port < 1256; port++) made.framingOf(at(PEER.ip, port));
    expect(made.framingOf(other)).not.toBe(first);
    expect(made.framingOf(at('198.51.100.8', 1))).toBeUndefined();
  });

  it('leave no timer when the allocation ends', async () => {
    const { made, clock, ended } = bindings();
    await made.permit(PEER);
    await made.permit(at('198.51.100.8', 1));
    expect(clock.pendingTimers).toBe(4);
    ended.abort();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('channel numbers', () => {
  it('go from 0x4000 to 0x4FFF, and come back after their quarantine', () => {
    const numbers = new ChannelNumbers();
    const taken = Array.from({ length: 4096 }, () => numbers.take(0));
    expect([taken[0], taken.at(-1)]).toEqual([0x4000, 0x4fff]);
    expect(numbers.take(0)).toBeUndefined();
    numbers.giveBack(0x4007, 100);
    numbers.giveBack(0x4003, 50);
    expect(numbers.take(49)).toBeUndefined();
    expect([numbers.take(50), numbers.take(99), numbers.take(100)]).toEqual([0x4003, undefined, 0x4007]);
  });

  it('of released peers are free 15 minutes after they were last bound', async () => {
    const { made, clock } = bindings();
    const peers = Array.from({ length: 4096 }, (_, i) => at(`198.51.${i >> 8}.${i & 255}`, 7));
    await Promise.all(peers.map((peer) => made.permit(peer)));
    for (const peer of peers) made.release(peer);
    await clock.advance(CHANNEL_QUARANTINE_MS - 1);
    expect((await made.permit(at('203.0.113.1', 1))).kind).toBe('stream');
    await clock.advance(1);
    expect((await made.permit(at('203.0.113.2', 1))).kind).toBe('channel');
  });
});
