import type { StunMessageFields } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { NONCE_LIFETIME_MS } from '../src/server/signed-nonces.js';
import { settled } from './memory-network.js';
import { at, type RawClient } from './raw-client.js';
import { PEER, SERVER, turnLab } from './turn-lab.js';

type Request = Partial<StunMessageFields> & Pick<StunMessageFields, 'method'>;

/** What changes an allocation. */
const CHANGES: readonly [string, Request][] = [
  ['Refresh', { method: 'refresh', lifetimeSeconds: 3600 }],
  ['Refresh 0', { method: 'refresh', lifetimeSeconds: 0 }],
  ['CreatePermission', { method: 'create-permission', peerAddresses: [PEER] }],
  ['ChannelBind', { method: 'channel-bind', channelNumber: 0x4000, peerAddresses: [PEER] }],
];
const USERS = { lab: 'secret', other: 'secret', third: 'secret' };

type Lab = Awaited<ReturnType<typeof turnLab>>;

/** A client of each user, with an allocation and its relayed address. */
async function clientsOf(lab: Lab, ...usernames: (keyof typeof USERS)[]) {
  const clients = [];
  for (const username of usernames) {
    const client = await lab.client();
    client.username = username;
    const { relayedAddress } = await client.allocate();
    clients.push({ client, relayed: relayedAddress! });
  }
  return clients as [(typeof clients)[number], ...typeof clients];
}

/** The allocation is there, neither longer nor shorter than at first, and lets no peer in or out. */
async function expectUntouched(lab: Lab, client: RawClient, relayed = at(SERVER.ip, 0)) {
  await client.sendChannelData(0x4000, 'out');
  await client.sendIndication(PEER, 'out');
  await lab.fromPeer('in', relayed);
  expect([lab.peer.received, client.data]).toEqual([[], []]);
  expect(lab.server.status()).toMatchObject({ allocations: 1 });
  await lab.clock.advance(600_000);
  expect(lab.server.status()).toMatchObject({ allocations: 0 });
}

describe.each(CHANGES)('%s', (_name, request) => {
  it.each(['UDP', 'TCP'])(
    "from another user on the owner's 5-tuple, over %s: 441, and nothing has changed",
    async (over) => {
      const lab = await turnLab({ turn: { users: USERS } });
      const client = over === 'UDP' ? await lab.client() : lab.connect().client;
      const { relayedAddress } = await client.allocate();
      client.username = 'other';
      expect((await client.request(request)).errorCode?.code).toBe(441);
      await expectUntouched(lab, client, relayedAddress);
    },
  );

  it('from the owner himself on another 5-tuple: 437, and nothing has changed', async () => {
    const lab = await turnLab();
    const [{ client, relayed }] = await clientsOf(lab, 'lab');
    expect((await (await lab.client()).request(request)).errorCode?.code).toBe(437);
    await expectUntouched(lab, client, relayed);
  });

  it('that was overheard, from any other source: 438, and nothing has changed', async () => {
    const lab = await turnLab();
    const [{ client, relayed }] = await clientsOf(lab, 'lab');
    const overheard = client.encode(request);
    for (const source of [at('192.0.2.66', 5000), at(client.address.ip, 6000)])
      expect((await (await lab.client(source)).exchange(overheard))?.errorCode?.code).toBe(438);
    await expectUntouched(lab, client, relayed);
  });

  it('that was overheard, under its own source, when its nonce is too old: 438', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    await client.request(request);
    const overheard = client.encode(request);
    await lab.clock.advance(NONCE_LIFETIME_MS);
    await client.allocate();
    expect((await client.exchange(overheard))?.errorCode?.code).toBe(438);
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
  });
});

describe('a request that comes twice', () => {
  it('Refresh 0 does not end the allocation that has followed, for as long as a retransmission may take', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    await client.allocate();
    const end = client.encode({ method: 'refresh', lifetimeSeconds: 0 });
    const answer = (await client.exchange(end))?.bytes;
    await client.allocate();
    await lab.clock.advance(39_000);
    expect((await client.exchange(end))?.bytes).toEqual(answer);
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
  });

  it('all of them: one allocation, one permission, one channel', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    await client.request({ method: 'allocate' });
    const requests = [{ method: 'allocate', requestedTransport: 17 }, ...CHANGES.slice(2).map(([, fields]) => fields)];
    const encoded = requests.map((fields) => client.encode(fields as Request));
    for (let round = 0; round < 3; round++)
      for (const bytes of encoded) expect((await client.exchange(bytes))?.class).toBe('success');
    await client.sendChannelData(0x4000, 'once');
    expect(lab.peer.received).toHaveLength(1);
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
  });
});

describe('a source that is forged', () => {
  it.each([
    ['another port of the client', at('192.0.2.1', 6000), SERVER],
    ['another host', at('192.0.2.66', 5000), SERVER],
    ["another of the server's addresses", at('192.0.2.1', 5000), at('203.0.113.11', 3478)],
  ])('data on a channel and in an indication is of nobody from %s', async (_what, from, to) => {
    const lab = await turnLab({ turn: { listen: ['203.0.113.10:3478', '203.0.113.11:3478'] } });
    const [{ client }] = await clientsOf(lab, 'lab');
    await client.bindChannel(0x4000, PEER);
    await client.sendChannelData(0x4000, 'genuine');
    await client.sendIndication(PEER, 'genuine');
    for (const { bytes } of lab.network.sent.slice().filter(({ bytes }) => bytes.includes('genuine')))
      lab.network.send({ from, to, bytes });
    await settled();
    expect(lab.peer.received).toHaveLength(2);
    expect(lab.drops()['no-allocation']).toBeGreaterThanOrEqual(2);
  });
});

describe('users of one relay', () => {
  it("have neither each other's permissions nor each other's channels", async () => {
    const lab = await turnLab({ turn: { users: USERS } });
    const [one, two] = await clientsOf(lab, 'lab', 'other');
    await one.client.bindChannel(0x4000, PEER);
    await two!.client.sendIndication(PEER, 'by indication');
    await two!.client.sendChannelData(0x4000, 'by channel');
    await lab.fromPeer('from the peer', two!.relayed);
    expect([lab.peer.received, two!.client.data]).toEqual([[], []]);
    expect(lab.drops()).toEqual({ 'no-permission': 2, 'no-channel': 1 });
  });

  it('reach each other only where both have a permission for the relayed address of the other', async () => {
    const lab = await turnLab({ turn: { users: USERS } });
    const [one, two] = await clientsOf(lab, 'lab', 'other');
    await one.client.bindChannel(0x4000, two!.relayed);
    // A permission for anybody else is none for a neighbour.
    await two!.client.permit(PEER);
    await one.client.sendChannelData(0x4000, 'by channel');
    await one.client.sendIndication(two!.relayed, 'by indication');
    expect(two!.client.data).toEqual([]);
    await two!.client.sendIndication(one.relayed, 'back');
    expect(one.client.data).toEqual([]);
    await two!.client.permit(one.relayed);
    await one.client.sendChannelData(0x4000, 'now');
    expect(two!.client.data).toEqual([`${one.relayed.ip}:${one.relayed.port} now`]);
  });

  // RFC 8656, section 9: a permission is for an IP address, and all relayed addresses have the relay's.
  it('cannot come as each other: a third one never gets onto the channel of the second', async () => {
    const lab = await turnLab({ turn: { users: USERS } });
    const [one, two, three] = await clientsOf(lab, 'lab', 'other', 'third');
    await one.client.bindChannel(0x4000, two!.relayed);
    await three!.client.bindChannel(0x4000, one.relayed);
    await three!.client.sendChannelData(0x4000, 'from the third');
    expect(one.client.data).toEqual([`${three!.relayed.ip}:${three!.relayed.port} from the third`]);
  });

  it("cannot take each other's kept port", async () => {
    const lab = await turnLab({ turn: { users: USERS } });
    const client = await lab.client();
    const { reservationToken } = await client.allocate({ evenPort: { reserveNext: true } });
    const thief = await lab.client();
    thief.username = 'other';
    expect((await thief.allocate({ reservationToken })).errorCode?.code).toBe(508);
    expect((await (await lab.client()).allocate({ reservationToken })).class).toBe('success');
  });
});
