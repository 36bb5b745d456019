import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeStunMessage,
  encodeChannelData,
  encodeRelayIndication,
  encodeStunMessage,
  longTermKey,
  type StunMessageFields,
} from '@wirepath/stun-codec';
import { StunTurnServer, TurnRelay } from '../src/index.js';
import { CLIENT, clientLab } from './client-lab.js';
import { MemoryDatagrams, MemoryNetwork, settled } from './memory-network.js';
import { testNeeds } from './needs.js';
import { at } from './raw-client.js';
import { PEER, SERVER } from './turn-lab.js';

const { signal } = new AbortController();
const key = longTermKey('lab', 'lab', 'secret');
const url = 'turn:203.0.113.10:3478';

/** A server that answers each Allocate as the test says. */
async function scriptedServer(answers: readonly ((transactionId: Buffer) => StunMessageFields)[], address = SERVER) {
  const network = new MemoryNetwork();
  const datagrams = await MemoryDatagrams.open(network, CLIENT);
  const relay = new TurnRelay(testNeeds(), { servers: [{ url, username: 'lab', credential: 'secret' }] });
  let count = 0;
  await network.open(address, (bytes) => {
    const message = decodeStunMessage(bytes);
    const answer = message?.method === 'allocate' ? answers[count++] : undefined;
    if (message && answer)
      network.send({ from: address, to: CLIENT, bytes: encodeStunMessage(answer(message.transactionId)) });
  });
  const allocate = (abort = AbortSignal.timeout(150)) =>
    relay.allocate(relay.servers[0]!, { datagrams, signal: abort });
  return { network, datagrams, relay, allocate, asked: () => count };
}

const challenge = (transactionId: Buffer): StunMessageFields => ({
  class: 'error',
  method: 'allocate',
  transactionId,
  errorCode: { code: 401, reason: 'Unauthenticated' },
  realm: 'lab',
  nonce: 'nonce',
});
const granted = (transactionId: Buffer): StunMessageFields => ({
  class: 'success',
  method: 'allocate',
  transactionId,
  relayedAddress: at('203.0.113.10', 50_000),
  mappedAddress: CLIENT,
  lifetimeSeconds: 600,
  integrityKey: key,
});
const refused =
  (code: number, reason = '') =>
  (transactionId: Buffer): StunMessageFields => ({
    class: 'error',
    method: 'allocate',
    transactionId,
    errorCode: { code, reason },
    integrityKey: key,
  });

describe('what the client believes', () => {
  it.each<[string, Partial<StunMessageFields>, 'ours, dropped' | "nobody's"]>([
    ['success without integrity', { integrityKey: undefined }, 'ours, dropped'],
    ['success under another key', { integrityKey: longTermKey('lab', 'lab', 'guess') }, 'ours, dropped'],
    ['an answer to another method', { method: 'refresh' }, "nobody's"],
    ['an answer to a request that it did not send', { transactionId: Buffer.alloc(12) }, "nobody's"],
  ])('ignores and counts %s', async (_what, forged, whose) => {
    const { allocate, relay, datagrams } = await scriptedServer([challenge, (id) => ({ ...granted(id), ...forged })]);
    await expect(allocate()).rejects.toMatchObject({ code: 'ABORTED' });
    expect(relay.counters()['relay.bad-integrity']).toBe(whose === 'ours, dropped' ? 1 : 0);
    expect(datagrams.unclaimed).toBe(whose === 'ours, dropped' ? 0 : 1);
  });

  it('ignores a right answer from a wrong address', async () => {
    const { network, allocate } = await scriptedServer([challenge]);
    network.deliver = ({ from, to, bytes }) => {
      const message = decodeStunMessage(bytes);
      if (to.port === SERVER.port && message?.hasIntegrity && from.port === CLIENT.port)
        network.send({
          from: at(SERVER.ip, 3479),
          to: CLIENT,
          bytes: encodeStunMessage(granted(message.transactionId)),
        });
      return true;
    };
    await expect(allocate()).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it("ignores what came through a relay, even from the server's address", async () => {
    const lab = await clientLab();
    const allocation = await lab.allocate();
    const framing = await lab.during(allocation.permit(PEER, { signal }));
    const nested = encodeChannelData(0x4000, Buffer.from('nested'));
    lab.datagrams.inject({ kind: 'relayed', framing, remote: SERVER }, nested);
    expect(lab.datagrams.received).toEqual([]);
  });

  it.each([
    [
      'data of a peer that was not permitted',
      encodeRelayIndication('data', Buffer.alloc(12), at('198.51.100.99', 1), Buffer.from('x')),
      { 'relay.unknown-peer': 1 },
    ],
    ['data on a channel that was not bound', encodeChannelData(0x4fff, Buffer.from('x')), { 'relay.unknown-peer': 1 }],
    ['a Send indication', encodeRelayIndication('send', Buffer.alloc(12), PEER, Buffer.from('x')), 'unclaimed'],
    ['no bytes', Buffer.alloc(0), 'unclaimed'],
    ['one byte', Buffer.from([0x40]), 'unclaimed'],
    ['three bytes', Buffer.from([0x40, 0, 0]), 'unclaimed'],
  ])('drops %s; it or the transport counts it', async (_what, bytes, counted) => {
    const lab = await clientLab();
    const allocation = await lab.allocate();
    await lab.during(allocation.permit(PEER, { signal }));
    lab.network.send({ from: SERVER, to: CLIENT, bytes });
    await settled();
    expect(lab.datagrams.received).toEqual([]);
    const own = Object.entries(lab.relay.counters()).filter(([, count]) => count > 0);
    expect(lab.datagrams.unclaimed > 0 ? 'unclaimed' : Object.fromEntries(own)).toEqual(counted);
  });

  it("takes nothing from the shared socket that is not the server's (two readers steal from each other)", async () => {
    const lab = await clientLab();
    await lab.allocate();
    const seen: string[] = [];
    lab.datagrams.onDatagram(({ bytes }) => void seen.push(Buffer.from(bytes).toString('latin1')));
    const other = encodeStunMessage({ class: 'success', method: 'binding', transactionId: Buffer.alloc(12) });
    lab.network.send({ from: PEER, to: CLIENT, bytes: other });
    await settled();
    expect(seen).toEqual([other.toString('latin1')]);
  });
});

describe('a hostile server or path', () => {
  it('throws nothing out of the client with 20,000 mutated messages, and leaves it working', async () => {
    const lab = await clientLab();
    const allocation = await lab.allocate();
    const framing = await lab.during(allocation.permit(PEER, { signal }));
    const transactionId = Buffer.alloc(12, 1);
    const seeds = [
      encodeStunMessage({ ...granted(transactionId), fingerprint: true }),
      encodeStunMessage(challenge(transactionId)),
      encodeStunMessage({ ...refused(300)(transactionId), alternateServer: PEER }),
      encodeRelayIndication('data', transactionId, PEER, Buffer.from('data')),
      encodeChannelData(0x4000, Buffer.from('data')),
    ];
    const mutation = fc.tuple(fc.nat(seeds.length - 1), fc.nat(200), fc.nat(255), fc.nat(200), fc.nat(255));
    for (const [seed, at1, value1, length, coin] of fc.sample(mutation, { numRuns: 20_000, seed: 1 })) {
      const bytes = Buffer.from(seeds[seed]!);
      bytes[at1 % bytes.length] = value1;
      const cut = coin < 32 ? bytes.subarray(0, length % bytes.length) : bytes;
      lab.datagrams.inject({ kind: 'socket', base: lab.datagrams.base, remote: SERVER }, cut);
    }
    lab.datagrams.received.length = 0;
    await lab.fromPeer('still here', allocation.relayedAddress);
    expect(lab.datagrams.received).toMatchObject([{ text: 'still here', path: { framing } }]);
  });
});

describe('how Allocate ends', () => {
  it('meets a stale nonce', async () => {
    const stale = (id: Buffer) => ({
      ...challenge(id),
      errorCode: { code: 438, reason: 'Stale Nonce' },
      nonce: 'newer',
    });
    const { allocate, network } = await scriptedServer([challenge, stale, granted]);
    const allocation = await allocate();
    expect(allocation.relayedAddress).toEqual(at('203.0.113.10', 50_000));
    const nonces = network.sent.flatMap(({ from, bytes }) =>
      from.port === CLIENT.port ? [decodeStunMessage(bytes)?.nonce] : [],
    );
    expect(nonces).toEqual([undefined, 'nonce', 'newer']);
    await allocation.close();
  });

  it('gives up on a server that never stops challenging', async () => {
    const stale = (id: Buffer) => ({ ...challenge(id), errorCode: { code: 438, reason: 'Stale Nonce' } });
    const { allocate, asked } = await scriptedServer([challenge, ...Array.from({ length: 50 }, () => stale)]);
    await expect(allocate()).rejects.toMatchObject({ code: 'TURN_RELAY' });
    expect(asked()).toBeLessThan(6);
  });

  it.each([
    [486, 'Allocation Quota Reached'],
    [508, 'Insufficient Capacity'],
    [440, 'Address Family not Supported'],
    [300, 'Try Alternate'],
    [403, 'bell\u0007 and \u001b[31mred'],
  ])('names the server and why: %i', async (code, reason) => {
    const { allocate } = await scriptedServer([challenge, refused(code, reason)]);
    const error = await allocate().then(
      () => undefined,
      (cause: Error) => cause,
    );
    expect(error).toMatchObject({ code: 'TURN_RELAY', subject: url });
    expect(error?.message).toMatch(new RegExp(`^${url}: Allocate was refused: ${code} [\\x20-\\x7e]+$`));
  });

  it('follows ALTERNATE-SERVER once', async () => {
    const second = at('203.0.113.11', 3478);
    const third = at('203.0.113.12', 3478);
    const toSecond = (id: Buffer) => ({ ...refused(300)(id), alternateServer: second });
    const { network, allocate } = await scriptedServer([challenge, toSecond]);
    const script = [challenge, granted, challenge, (id: Buffer) => ({ ...refused(300)(id), alternateServer: third })];
    await network.open(second, (bytes) => {
      const message = decodeStunMessage(bytes);
      const answer = message?.method === 'allocate' ? script.shift() : undefined;
      if (message && answer)
        network.send({ from: second, to: CLIENT, bytes: encodeStunMessage(answer(message.transactionId)) });
    });
    const allocation = await allocate();
    expect(allocation.relayedAddress).toEqual(at('203.0.113.10', 50_000));
    expect(allocation.server.url).toBe(url);
    await allocation.close();
  });

  it('does not go round between servers that name each other', async () => {
    const toItself = (id: Buffer) => ({ ...refused(300)(id), alternateServer: SERVER });
    const { allocate, asked } = await scriptedServer([challenge, toItself, challenge, toItself, challenge, toItself]);
    await expect(allocate()).rejects.toMatchObject({
      code: 'TURN_RELAY',
      message: `${url}: one alternate server names yet another`,
    });
    expect(asked()).toBe(4);
  });

  it('refuses a second allocation on the 5-tuple instead of deleting the first', async () => {
    const lab = await clientLab();
    const first = await lab.allocate();
    await expect(lab.allocate()).rejects.toMatchObject({ code: 'TURN_RELAY' });
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
    await lab.during(first.close());
    await lab.allocate();
  });

  it('deletes what a crash left there (437), and allocates', async () => {
    const lab = await clientLab();
    await lab.allocate();
    const relay = new TurnRelay(lab.clientNeeds, { servers: [{ url, username: 'lab', credential: 'secret' }] });
    await lab.during(relay.allocate(relay.servers[0]!, { datagrams: lab.datagrams, signal }));
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
  });

  it("says so when the old allocation there is another user's", async () => {
    const lab = await clientLab({ turn: { users: { lab: 'secret', other: 'secret' } } });
    await lab.allocate();
    const relay = new TurnRelay(lab.clientNeeds, { servers: [{ url, username: 'other', credential: 'secret' }] });
    await expect(
      lab.during(relay.allocate(relay.servers[0]!, { datagrams: lab.datagrams, signal })),
    ).rejects.toMatchObject({ code: 'TURN_RELAY', message: expect.stringContaining('another user') as string });
  });

  it('stops when it is aborted, and leaves nothing behind', async () => {
    const lab = await clientLab();
    lab.network.deliver = () => false;
    const abort = new AbortController();
    const allocating = lab.relay.allocate(lab.relay.servers[0]!, { datagrams: lab.datagrams, signal: abort.signal });
    await lab.clock.advance(100);
    abort.abort();
    await expect(allocating).rejects.toMatchObject({ code: 'ABORTED' });
    expect(lab.datagrams.listenerCount).toBe(0);
    expect(lab.clock.pendingTimers).toBe(0);
  });

  it('goes to the address of a name that answers first', async () => {
    const lab = await clientLab();
    lab.clientNeeds.outside.change('relay.example', ['203.0.113.9', SERVER.ip, '2001:db8::1']);
    const servers = [{ url: 'turn:relay.example', username: 'lab', credential: 'secret' }];
    const relay = new TurnRelay(lab.clientNeeds, { servers });
    const allocation = await lab.during(relay.allocate(relay.servers[0]!, { datagrams: lab.datagrams, signal }));
    expect(allocation.relayedAddress.ip).toBe(SERVER.ip);
    // Those that did not answer are not listened for any more.
    expect(lab.datagrams.listenerCount).toBe(1);
  });

  /** A relay by a name that has two addresses; the first of them has a server that answers, and lets this user have nothing. */
  async function relayOfTwoAddresses(users: Record<string, string>) {
    const lab = await clientLab({ turn: { users } });
    const full = { listen: '203.0.113.9:3478', realm: 'lab', users: { lab: 'other' } };
    const refusing = new StunTurnServer(lab.needs, { turn: full }, { udp: lab.network.udp, openTcp: lab.streams.open });
    await refusing.start({ signal });
    lab.clientNeeds.outside.change('relay.example', ['203.0.113.9', SERVER.ip]);
    const servers = [{ url: 'turn:relay.example', username: 'lab', credential: 'secret' }];
    const relay = new TurnRelay(lab.clientNeeds, { servers });
    const allocate = () => lab.during(relay.allocate(relay.servers[0]!, { datagrams: lab.datagrams, signal }));
    return { lab, allocate };
  }

  it('goes on to the next address where the one that answers first refuses', async () => {
    const { lab, allocate } = await relayOfTwoAddresses({ lab: 'secret' });
    expect((await allocate()).relayedAddress.ip).toBe(SERVER.ip);
    expect(lab.datagrams.listenerCount).toBe(1);
  });

  it('says why the first refused where all do, and leaves nothing behind', async () => {
    const { lab, allocate } = await relayOfTwoAddresses({ somebody: 'else' });
    await expect(allocate()).rejects.toMatchObject({
      code: 'TURN_RELAY',
      message: expect.stringContaining('was refused: 401') as string,
    });
    expect(lab.datagrams.listenerCount).toBe(0);
    expect(lab.clock.pendingTimers).toBe(0);
  });

  it('needs a transport with sockets of its own', async () => {
    const { relay } = await clientLab();
    await expect(relay.allocate(relay.servers[0]!, { datagrams: undefined, signal })).rejects.toMatchObject({
      code: 'TURN_RELAY',
    });
  });

  it('reads the credential from a file', async () => {
    const lab = await clientLab({
      files: { secret: 'secret' },
      server: { credential: undefined, credentialFile: 'secret' },
    });
    expect((await lab.allocate()).relayedAddress.ip).toBe(SERVER.ip);
  });
});

describe('a relay that carries traffic (the candidate was a loopback proxy, nobody asked for permissions)', () => {
  it("hands out the server's relayed address and carries data both ways between two clients", async () => {
    const lab = await clientLab();
    const other = await MemoryDatagrams.open(lab.network, at('192.0.2.99', 1));
    const relay = new TurnRelay(lab.clientNeeds, { servers: [{ url, username: 'lab', credential: 'secret' }] });
    const a = await lab.allocate();
    const b = await lab.during(relay.allocate(relay.servers[0]!, { datagrams: other, signal }));
    expect(a.relayedAddress.ip).toBe(SERVER.ip);
    expect(a.mappedAddress).toEqual(CLIENT);
    // One hop: A through its allocation to where B's socket is seen.
    const toB = await lab.during(a.permit(b.mappedAddress!, { signal }));
    lab.datagrams.send(
      { kind: 'relayed', framing: toB, remote: b.mappedAddress! },
      encodeStunMessage({ class: 'indication', method: 'binding', transactionId: Buffer.alloc(12) }),
    );
    await settled();
    const last = lab.network.sent.at(-1);
    expect(last).toMatchObject({ from: a.relayedAddress, to: b.mappedAddress });
    // Permission is by IP address, so a stranger's is not everybody's.
    await lab.fromPeer('stranger', a.relayedAddress);
    expect(lab.datagrams.received).toEqual([]);
  });
});
