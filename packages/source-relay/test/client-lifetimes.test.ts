import { describe, expect, it } from 'vitest';
import { decodeStunMessage, type StunMessage } from '@wirepath/stun-codec';
import { CLIENT, clientLab } from './client-lab.js';
import { at } from './raw-client.js';
import { PEER, SERVER } from './turn-lab.js';

const { signal } = new AbortController();
const MINUTE = 60_000;

type Lab = Awaited<ReturnType<typeof clientLab>>;

/** Requests of a method that the client has sent so far. */
function requests({ network }: Lab, method: StunMessage['method']): StunMessage[] {
  return network.sent.flatMap(({ from, bytes }) => {
    const message = from.ip === CLIENT.ip ? decodeStunMessage(bytes) : undefined;
    return message?.class === 'request' && message.method === method ? [message] : [];
  });
}

/** From now on the server's answers to a method are lost. */
function silence(lab: Lab, ...methods: StunMessage['method'][]) {
  lab.network.deliver = ({ from, bytes }) => {
    const message = from.ip === SERVER.ip ? decodeStunMessage(bytes) : undefined;
    return message === undefined || !methods.includes(message.method);
  };
}

async function withPermit() {
  const lab = await clientLab();
  const allocation = await lab.allocate();
  const lost: string[] = [];
  allocation.onLost(({ message }) => lost.push(message));
  const framing = await lab.during(allocation.permit(PEER, { signal }));
  return { lab, allocation, framing, lost };
}

describe('an allocation over hours', () => {
  it('outlives lifetimes, permissions and channels without loss (allocations never expire, nothing is renewed)', async () => {
    const { lab, allocation, framing, lost } = await withPermit();
    for (let minute = 0; minute < 120; minute++) {
      await lab.clock.advance(MINUTE);
      lab.datagrams.send({ kind: 'relayed', framing, remote: PEER }, Buffer.from(`out ${minute}`));
      await lab.fromPeer(`in ${minute}`, allocation.relayedAddress);
    }
    expect(lab.peer.received).toHaveLength(120);
    expect(lab.datagrams.received.map(({ text }) => text)).toEqual(Array.from({ length: 120 }, (_, i) => `in ${i}`));
    expect(new Set(lab.datagrams.received.map(({ path }) => path.kind === 'relayed' && path.framing))).toEqual(
      new Set([framing]),
    );
    expect(lost).toEqual([]);
    expect(lab.drops()).toEqual({});
    // Apart from each other, every 9, 4 and 9 minutes; a stale nonce now and then costs one more.
    expect(requests(lab, 'refresh').length).toBeOneOf([13, 14, 15, 16, 17]);
    expect(requests(lab, 'create-permission').length).toBeOneOf([30, 31, 32, 33, 34]);
    expect(requests(lab, 'channel-bind').length).toBeOneOf([14, 15, 16, 17, 18]);
    for (const { peerAddresses } of requests(lab, 'create-permission')) expect(peerAddresses).toHaveLength(1);
  });

  it('is renewed by the lifetime that the server returns', async () => {
    const { lab } = await withPermit();
    const before = requests(lab, 'refresh').length;
    await lab.clock.advance(9 * MINUTE - 1000);
    expect(requests(lab, 'refresh')).toHaveLength(before);
    await lab.clock.advance(2000);
    expect(requests(lab, 'refresh')).toHaveLength(before + 1);
  });

  it('that ended while the machine was suspended is reported lost at once, not at the next refresh', async () => {
    const { lab, lost } = await withPermit();
    await lab.clock.suspend(60 * MINUTE);
    await lab.clock.advance(5000);
    expect(lost).toHaveLength(1);
  });

  it('that lives on a server which did not sleep with us is refreshed at once, permissions too', async () => {
    const { lab, allocation, lost } = await withPermit();
    const before = [requests(lab, 'refresh').length, requests(lab, 'create-permission').length];
    // Within the lifetimes, but past the times to renew them.
    await lab.clock.suspend(9.5 * MINUTE);
    await lab.clock.advance(1000);
    expect(requests(lab, 'refresh').length).toBeGreaterThan(before[0] ?? 0);
    expect(requests(lab, 'create-permission').length).toBeGreaterThan(before[1] ?? 0);
    await lab.fromPeer('in', allocation.relayedAddress);
    expect(lab.datagrams.received.at(-1)?.text).toBe('in');
    expect(lost).toEqual([]);
  });

  it('sends requests again (requests are never retransmitted)', async () => {
    const lab = await clientLab();
    let left = 2;
    lab.network.deliver = ({ from }) => from.ip !== CLIENT.ip || left-- <= 0;
    const allocation = await lab.allocate();
    expect(allocation.relayedAddress.ip).toBe(SERVER.ip);
    expect(requests(lab, 'allocate').length).toBeGreaterThanOrEqual(4);
  });

  it('is lost when refresh is not answered, and says so from then on', async () => {
    const { lab, allocation, lost } = await withPermit();
    await lab.server.stop();
    expect(await lab.during(allocation.refresh({ signal }))).toBe(false);
    expect(lost).toEqual(['turn:203.0.113.10:3478: Refresh was not answered']);
    expect(await allocation.refresh({ signal })).toBe(false);
    await expect(allocation.permit(PEER, { signal })).rejects.toMatchObject({ code: 'TURN_RELAY' });
  });

  it('notices a rebinding of port alone within half a minute (refresh compares addresses only)', async () => {
    const { lab, allocation, lost } = await withPermit();
    await lab.datagrams.appearAs(at(CLIENT.ip, 40_000));
    await lab.clock.advance(30_000);
    expect(lost).toEqual(['turn:203.0.113.10:3478: Refresh was refused: 437 Allocation Mismatch']);
    expect(lab.datagrams.listenerCount).toBe(0);
    expect(await allocation.refresh({ signal })).toBe(false);
  });

  it('tells a rebinding through refresh, too', async () => {
    const { lab, allocation, lost } = await withPermit();
    await lab.datagrams.appearAs(at(CLIENT.ip, 40_000));
    expect(await lab.during(allocation.refresh({ signal }))).toBe(false);
    expect(lost).toHaveLength(1);
  });

  it('survives an outage in the background that is shorter than its lifetime', async () => {
    const { lab, lost } = await withPermit();
    await lab.clock.advance(9 * MINUTE - 1000);
    lab.network.deliver = () => false;
    await lab.clock.advance(40_000);
    lab.network.deliver = () => true;
    await lab.clock.advance(5 * MINUTE);
    expect(lost).toEqual([]);
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
  });

  it('is lost when nobody answers until its lifetime is over', async () => {
    const { lab, lost } = await withPermit();
    lab.network.deliver = () => false;
    await lab.clock.advance(11 * MINUTE);
    expect(lost).toEqual(['turn:203.0.113.10:3478: Refresh was not answered']);
    expect(lab.clock.pendingTimers).toBe(0);
  });

  it('tells late listeners of its loss as well', async () => {
    const { lab, allocation, lost } = await withPermit();
    lab.network.deliver = () => false;
    await lab.during(allocation.refresh({ signal }));
    const late: Error[] = [];
    allocation.onLost((reason) => late.push(reason));
    expect(late).toEqual([]);
    await Promise.resolve();
    expect(late.map(({ message }) => message)).toEqual(lost);
  });
});

describe('close', () => {
  it('deletes the allocation and leaves no timer and no listener', async () => {
    const { lab, allocation, lost } = await withPermit();
    await lab.during(Promise.all([allocation.close(), allocation.close()]));
    expect(lab.server.status()).toMatchObject({ allocations: 0 });
    expect(lab.datagrams.listenerCount).toBe(0);
    await lab.clock.advance(5000);
    expect(lab.clock.pendingTimers).toBe(0);
    expect(lost).toEqual([]);
  });

  it('takes at most half a second when nobody answers', async () => {
    const { lab, allocation } = await withPermit();
    lab.network.deliver = () => false;
    const startedAtMs = lab.clock.now();
    await lab.during(allocation.close(), 10);
    expect(lab.clock.now() - startedAtMs).toBeLessThanOrEqual(520);
    expect(lab.datagrams.listenerCount).toBe(0);
  });
});

describe('peers', () => {
  it('share a permission by IP address, and it is renewed as long as one of them is wanted', async () => {
    const { lab, allocation } = await withPermit();
    const other = at(PEER.ip, 9);
    await lab.during(allocation.permit(other, { signal }));
    expect(requests(lab, 'create-permission')).toHaveLength(1);
    allocation.release(PEER);
    await lab.clock.advance(10 * MINUTE);
    await lab.fromPeer('still', allocation.relayedAddress, other);
    expect(lab.datagrams.received.map(({ text }) => text)).toEqual(['still']);
    allocation.release(other);
    const before = requests(lab, 'create-permission').length;
    await lab.clock.advance(10 * MINUTE);
    expect(requests(lab, 'create-permission')).toHaveLength(before);
    await lab.fromPeer('too late', allocation.relayedAddress, other);
    expect(lab.datagrams.received).toHaveLength(1);
  });

  it('keep their channel number when they come back', async () => {
    const { lab, allocation, framing } = await withPermit();
    allocation.release(PEER);
    const other = await lab.during(allocation.permit(at('198.51.100.8', 1), { signal }));
    expect(other).toMatchObject({ kind: 'channel', channel: 0x4001 });
    expect(await lab.during(allocation.permit(PEER, { signal }))).toBe(framing);
  });

  it('are asked for once, however often and at the same time they are permitted', async () => {
    const { lab, allocation, framing } = await withPermit();
    const [again, twice] = await lab.during(
      Promise.all([allocation.permit(PEER, { signal }), allocation.permit(PEER, { signal })]),
    );
    expect(again).toBe(framing);
    expect(twice).toBe(framing);
    expect(requests(lab, 'channel-bind')).toHaveLength(1);
  });

  it('may be given up waiting for, without harm to who else waits', async () => {
    const lab = await clientLab();
    const allocation = await lab.allocate();
    const abort = new AbortController();
    const impatient = allocation.permit(PEER, { signal: abort.signal });
    const patient = allocation.permit(PEER, { signal });
    abort.abort();
    await expect(impatient).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await lab.during(patient)).kind).toBe('channel');
  });

  it('of the wrong address family are refused without asking', async () => {
    const { lab, allocation } = await withPermit();
    const before = lab.network.sent.length;
    await expect(allocation.permit(at('2001:db8::1', 1), { signal })).rejects.toMatchObject({ code: 'TURN_RELAY' });
    expect(lab.network.sent).toHaveLength(before);
  });

  it('are refused when the server does not answer, and can be asked for again', async () => {
    const lab = await clientLab();
    const allocation = await lab.allocate();
    silence(lab, 'create-permission', 'channel-bind');
    await expect(lab.during(allocation.permit(PEER, { signal }))).rejects.toMatchObject({
      code: 'TURN_RELAY',
      message: expect.stringContaining('was not answered') as string,
    });
    lab.network.deliver = () => true;
    expect((await lab.during(allocation.permit(PEER, { signal }))).kind).toBe('channel');
  });
});
