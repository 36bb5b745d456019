import { describe, expect, it } from 'vitest';
import { decodeStunMessage, encodeStunMessage, type StunMessageFields } from '@wirepath/stun-codec';
import { MAX_CHANNELS, MAX_PERMISSIONS } from '../src/server/server-allocation.js';
import { DEFAULT_STRANGER_SHARES } from '../src/server/stranger-limits.js';
import { NONCE_LIFETIME_MS } from '../src/server/signed-nonces.js';
import { settled } from './memory-network.js';
import { at, RawClient } from './raw-client.js';
import { PEER, SERVER, turnLab } from './turn-lab.js';

type Lab = Awaited<ReturnType<typeof turnLab>>;

const transactionId = Buffer.from('of the flood');
const binding = encodeStunMessage({ class: 'request', method: 'binding', transactionId });
const allocate = encodeStunMessage({ class: 'request', method: 'allocate', transactionId, requestedTransport: 17 });
/** With all that a signed request has, and a nonce that nobody gave. */
const forged = encodeStunMessage({
  class: 'request',
  method: 'refresh',
  transactionId,
  username: 'lab',
  realm: 'lab',
  nonce: 'x'.repeat(24),
  integrityKey: Buffer.alloc(16),
});

/** 20,000 a second, each from a source of its own, is 2,000 in the 100 ms that a step takes. */
const STEPS = 20;
const EACH_STEP = 2000;

function anySource(n: number): string {
  const hash = Math.imul(n + 1, 2_654_435_761) >>> 0;
  return `${1 + ((hash >>> 24) % 126)}.${(hash >>> 16) & 255}.${(hash >>> 8) & 255}.${hash & 255}`;
}

/** Floods for 2 s of virtual time; what the client beside it does comes in between. */
async function flood(lab: Lab, sourceOf: (n: number) => string, beside: (step: number) => Promise<void>) {
  const kinds = [binding, allocate, forged];
  for (let step = 0; step < STEPS; step++) {
    for (let i = 0; i < EACH_STEP; i++) {
      const n = step * EACH_STEP + i;
      lab.network.send({ from: at(sourceOf(n), 1024 + (n % 60_000)), to: SERVER, bytes: kinds[n % 3]! });
    }
    await settled();
    lab.network.sent.length = 0;
    await beside(step);
    await lab.clock.advance(100);
  }
}

async function binds(client: RawClient): Promise<boolean> {
  return (await client.exchange(client.encode({ method: 'binding' })))?.class === 'success';
}

describe.each([
  ['forged sources, each seen once', anySource],
  ['forged sources out of one /48', (n: number) => `2001:db8:bad:${(n & 0xffff).toString(16)}::1`],
  ['two hundred hosts that are there', (n: number) => `192.0.2.${2 + (n % 200)}`],
  ['one host', () => '192.0.2.200'],
])('a flood of 20,000 requests a second from %s', (_what, sourceOf) => {
  it('costs those beside it nothing: Binding, a new Allocate, Refresh, permissions, data', async () => {
    const lab = await turnLab({ turn: { maxAllocations: 200 } });
    const old = await lab.client();
    const { relayedAddress } = await old.allocate();
    await old.bindChannel(0x4000, PEER);
    await flood(lab, sourceOf, async (step) => {
      const fresh = await lab.client(at(`198.51.100.${step}`, 4000));
      expect(await binds(fresh)).toBe(true);
      // Challenge and success, nothing sent twice.
      expect((await fresh.allocate()).class).toBe('success');
      expect((await old.request({ method: 'refresh' })).class).toBe('success');
      expect((await old.permit(PEER)).class).toBe('success');
      expect(await binds(old)).toBe(true);
      await old.sendChannelData(0x4000, `out ${step}`);
      await lab.fromPeer(`in ${step}`, relayedAddress);
    });
    expect(lab.peer.received).toHaveLength(STEPS);
    expect(old.data).toHaveLength(STEPS);
    expect(lab.drops()['internal-error']).toBeUndefined();
    expect(lab.clock.pendingTimers).toBe(1);
    const told = lab.needs.logger.lines.filter(({ level }) => level !== 'debug').map(({ message }) => message);
    expect(told).toEqual(['turn: how datagrams go']);
  }, 30_000);
});

describe('a flood under the name of the client itself', () => {
  const own = '192.0.2.1';

  it('stops nothing that shows a nonce, and no Binding of its allocation', async () => {
    const lab = await turnLab();
    const [client, next] = [await lab.client(at(own, 5000)), await lab.client(at(own, 5001))];
    await client.allocate();
    await client.bindChannel(0x4000, PEER);
    // It has been challenged, and comes back with its nonce in the midst of it.
    await next.exchange(next.encode({ method: 'allocate', requestedTransport: 17 }));
    next.nonce = decodeStunMessage(next.inbox[0]!)!.nonce;
    await flood(
      lab,
      () => own,
      async (step) => {
        expect((await client.request({ method: 'refresh' })).class).toBe('success');
        expect(await binds(client)).toBe(true);
        await client.sendChannelData(0x4000, 'out');
        if (step === 15) expect((await next.allocate()).class).toBe('success');
      },
    );
    expect(lab.peer.received).toHaveLength(STEPS);
    expect(lab.drops()['rate-limited']).toBeGreaterThan(20_000);
  }, 30_000);

  it('does not keep the answer to a nonce that is too old from it', async () => {
    const lab = await turnLab();
    const client = await lab.client(at(own, 5000));
    await client.allocate({ lifetimeSeconds: 3600 });
    await lab.clock.advance(NONCE_LIFETIME_MS + 1);
    await flood(
      lab,
      () => own,
      async (step) => {
        if (step === 15) expect((await client.request({ method: 'refresh' })).class).toBe('success');
      },
    );
  }, 30_000);
});

describe('wrong credentials', () => {
  it('are tried so often from one source under one name, and then not even looked at; others are let in', async () => {
    const lab = await turnLab({ turn: { users: { lab: 'secret', other: 'secret' } } });
    const client = await lab.client();
    await client.allocate();
    const guesser = await lab.client();
    guesser.secret = 'guess';
    await guesser.request({ method: 'allocate', requestedTransport: 17 });
    let answered = 0;
    for (let i = 0; i < 300; i++) {
      const answer = await guesser.exchange(guesser.encode({ method: 'allocate', requestedTransport: 17 }));
      if (answer?.errorCode?.code === 401) answered++;
    }
    expect(answered).toBeLessThan(DEFAULT_STRANGER_SHARES.failures.burst);
    expect(lab.drops()['too-many-failures']).toBe(300 - answered);
    // Behind the same NAT: who is in, and who has another name.
    expect((await client.request({ method: 'refresh' })).class).toBe('success');
    const neighbour = await lab.client();
    neighbour.username = 'other';
    expect((await neighbour.allocate()).class).toBe('success');
    // Elsewhere: the same name.
    expect((await (await lab.client(at('198.51.100.1', 1))).allocate()).class).toBe('success');
    await lab.clock.advance(60_000);
    expect((await guesser.exchange(guesser.encode({ method: 'allocate' })))?.errorCode?.code).toBe(401);
  });

  it('are as few under names that nobody has, however many', async () => {
    const lab = await turnLab();
    const guesser = await lab.client();
    await guesser.request({ method: 'allocate' });
    let answered = 0;
    for (let i = 0; i < 300; i++) {
      guesser.username = `nobody ${i}`;
      if ((await guesser.exchange(guesser.encode({ method: 'allocate' }))) !== undefined) answered++;
    }
    expect(answered).toBeLessThanOrEqual(DEFAULT_STRANGER_SHARES.failures.burst);
  });
});

describe('one client that wants everything', () => {
  const takeAll = async (many: number, who: (i: number) => Promise<RawClient>) => {
    let got = 0;
    for (let i = 0; i < many; i++) if ((await (await who(i)).allocate()).class === 'success') got++;
    return got;
  };

  it('leaves allocations for others: one address, one user', async () => {
    const lab = await turnLab({
      turn: {
        maxAllocations: 40,
        users: { lab: 'secret', other: 'secret' },
      },
    });
    expect(await takeAll(60, (i) => lab.client(at('192.0.2.1', 2000 + i)))).toBe(30);
    const other = await lab.client(at('198.51.100.1', 1));
    // The user has as many as the address, and so has the other user's client at that address.
    expect((await other.allocate()).errorCode?.code).toBe(486);
    const neighbour = await lab.client(at('192.0.2.1', 1));
    other.username = neighbour.username = 'other';
    expect((await neighbour.allocate()).errorCode?.code).toBe(508);
    expect((await other.allocate()).class).toBe('success');
  });

  it('leaves allocations for others: one /48 with an address in every /64', async () => {
    const lab = await turnLab({ turn: { maxAllocations: 40, listen: ['203.0.113.10:3478', '[2001:db8:5::1]:3478'] } });
    const open = (ip: string) => RawClient.open(lab.network, at('2001:db8:5::1', 3478), at(ip, 4000));
    expect(await takeAll(60, (i) => open(`2001:db8:bad:${(i + 1).toString(16)}::1`))).toBe(30);
    expect((await (await open('2001:db8:600d::1')).allocate()).class).toBe('success');
  });

  it('leaves relay ports', async () => {
    const lab = await turnLab({ turn: { relayPorts: [50_000, 50_007] } });
    expect(await takeAll(8, (i) => lab.client(at('192.0.2.1', 2000 + i)))).toBe(6);
    expect((await (await lab.client(at('198.51.100.1', 1))).allocate()).class).toBe('success');
  });

  it('has its kept ports counted as allocations', async () => {
    const lab = await turnLab({ turn: { quotaPerUser: 4 } });
    const evenPort = { reserveNext: true };
    const first = await (await lab.client()).allocate({ evenPort });
    expect((await (await lab.client()).allocate({ evenPort })).class).toBe('success');
    expect((await (await lab.client()).allocate()).errorCode?.code).toBe(486);
    // One that was kept is not counted twice.
    const { reservationToken } = first;
    expect((await (await lab.client()).allocate({ reservationToken })).class).toBe('success');
    expect((await (await lab.client()).allocate()).errorCode?.code).toBe(486);
    await lab.clock.advance(36_000);
    expect((await (await lab.client()).allocate()).class).toBe('success');
  });

  it('has one that waits for its port counted, too', async () => {
    const lab = await turnLab({ turn: { quotaPerUser: 1 } });
    const [first, second] = [await lab.client(), await lab.client()];
    for (const client of [first, second]) await client.request({ method: 'allocate' });
    for (const client of [first, second])
      lab.network.send({
        from: client.address,
        to: SERVER,
        bytes: client.encode({ method: 'allocate', requestedTransport: 17 }),
      });
    await settled();
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
  });

  it(`has ${MAX_PERMISSIONS} permissions and ${MAX_CHANNELS} channels, and those it has go on`, async () => {
    const lab = await turnLab();
    const client = await lab.client();
    await client.allocate();
    const peer = (i: number, port = 1) => at(`198.51.${100 + (i >> 8)}.${i & 255}`, port);
    for (let i = 0; i < MAX_PERMISSIONS; i += 16)
      expect((await client.permit(...Array.from({ length: 16 }, (_, j) => peer(i + j)))).class).toBe('success');
    expect((await client.permit(peer(MAX_PERMISSIONS))).errorCode?.code).toBe(508);
    expect((await client.permit(peer(0), peer(1))).class).toBe('success');
    for (let i = 0; i < MAX_CHANNELS; i++) {
      const bound = await client.bindChannel(0x4000 + i, peer(i >> 1, 1 + (i & 1)));
      expect(bound.class).toBe('success');
      if (i % 256 === 0) await lab.clock.advance(1000);
    }
    expect((await client.bindChannel(0x7000, peer(0, 9))).errorCode?.code).toBe(508);
    expect((await client.bindChannel(0x4000, peer(0, 1))).class).toBe('success');
    // No channel without its permission.
    const bare = await lab.client();
    await bare.allocate();
    for (let i = 0; i < MAX_PERMISSIONS; i += 16)
      await bare.permit(...Array.from({ length: 16 }, (_, j) => peer(i + j)));
    expect((await bare.bindChannel(0x4000, peer(MAX_PERMISSIONS))).errorCode?.code).toBe(508);
    await bare.sendChannelData(0x4000, 'nowhere');
    expect(lab.drops()).toEqual({ 'no-channel': 1 });
  }, 30_000);
});

describe('requests of one client', () => {
  it('are limited even when they are authenticated; another one at the same address goes on', async () => {
    const lab = await turnLab();
    const [busy, calm] = [await lab.client(), await lab.client()];
    await busy.allocate();
    await calm.allocate();
    const bytes = busy.encode({ method: 'refresh' } satisfies Partial<StunMessageFields>);
    for (let i = 0; i < 5000; i++) lab.network.send({ from: busy.address, to: SERVER, bytes });
    await settled();
    expect(lab.drops()['rate-limited']).toBeGreaterThan(2000);
    expect((await calm.request({ method: 'refresh' })).class).toBe('success');
    await lab.clock.advance(1000);
    expect((await busy.request({ method: 'refresh' })).class).toBe('success');
  });
});
