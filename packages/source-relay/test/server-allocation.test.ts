import { describe, expect, it } from 'vitest';
import { decodeStunMessage, type StunMessageFields } from '@wirepath/stun-codec';
import { at } from './raw-client.js';
import { PEER, SERVER, turnLab } from './turn-lab.js';

describe('Allocate (RFC 8656, section 7)', () => {
  it('answers with relayed and mapped address and the default lifetime, signed, and without the product in SOFTWARE', async () => {
    const lab = await turnLab({ turn: { relayPorts: [50_000, 50_010] } });
    const client = await lab.client();
    const answer = await client.allocate();
    expect(answer.class).toBe('success');
    expect(answer.mappedAddress).toEqual(client.address);
    expect(answer.relayedAddress?.ip).toBe(SERVER.ip);
    expect(answer.relayedAddress?.port).toBeGreaterThanOrEqual(50_000);
    expect(answer.relayedAddress?.port).toBeLessThanOrEqual(50_010);
    expect(answer.lifetimeSeconds).toBe(600);
    expect(answer.verifyIntegrity(client.key)).toBe(true);
    expect(answer.software).toBe('STUN/TURN');
  });

  it.each<[string, Partial<StunMessageFields>, number]>([
    ['no REQUESTED-TRANSPORT', { requestedTransport: undefined }, 400],
    ['TCP', { requestedTransport: 6 }, 442],
    ['an address family that the relay has not', { requestedAddressFamily: 6 }, 440],
    ['a RESERVATION-TOKEN that nobody gave', { reservationToken: Buffer.alloc(8) }, 508],
    ['RESERVATION-TOKEN with EVEN-PORT', { reservationToken: Buffer.alloc(8), evenPort: { reserveNext: false } }, 400],
    ['RESERVATION-TOKEN with an address family', { reservationToken: Buffer.alloc(8), requestedAddressFamily: 4 }, 400],
  ])('refuses %s', async (_what, fields, code) => {
    const client = await (await turnLab()).client();
    expect((await client.allocate(fields)).errorCode?.code).toBe(code);
  });

  it('refuses an address family that does not exist', async () => {
    const client = await (await turnLab()).client();
    await client.request({ method: 'allocate' });
    const bytes = client.encode({ method: 'allocate', requestedTransport: 17, requestedAddressFamily: 6 });
    bytes[bytes.indexOf(Buffer.from([0x00, 0x17, 0x00, 0x04])) + 4] = 3;
    expect((await client.exchange(client.resign(bytes)))?.errorCode?.code).toBe(440);
  });

  it.each([
    [undefined, 600],
    [1, 600],
    [1800, 1800],
    [999_999, 3600],
  ])('grants for a wanted lifetime of %s s %i s', async (wanted, granted) => {
    const client = await (await turnLab()).client();
    expect((await client.allocate({ lifetimeSeconds: wanted })).lifetimeSeconds).toBe(granted);
  });

  it('answers a retransmission with the same bytes, and another Allocate on the 5-tuple with 437', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    await client.request({ method: 'allocate' });
    const request = client.encode({ method: 'allocate', requestedTransport: 17 });
    await client.send(request);
    const first = client.inbox.at(-1);
    expect(decodeStunMessage(first!)?.class).toBe('success');
    await client.send(request);
    expect(client.inbox.at(-1)).toEqual(first);
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
    expect((await client.allocate()).errorCode?.code).toBe(437);
  });

  it('makes one allocation of a request that is repeated before its port is open', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    await client.request({ method: 'allocate' });
    const bytes = client.encode({ method: 'allocate', requestedTransport: 17 });
    for (let i = 0; i < 3; i++) lab.network.send({ from: client.address, to: SERVER, bytes });
    await client.send(bytes);
    expect(lab.server.status()).toMatchObject({ allocations: 1, drops: { 'allocation-pending': 3 } });
  });

  it('keeps the quota of each user (486) and of all (508), and what has expired does not count', async () => {
    const lab = await turnLab({
      turn: { users: { lab: 'secret', other: 'secret' }, quotaPerUser: 1, maxAllocations: 2 },
    });
    const [first, second, third, fourth] = [
      await lab.client(),
      await lab.client(),
      await lab.client(),
      await lab.client(),
    ];
    third.username = fourth.username = 'other';
    expect((await first.allocate()).class).toBe('success');
    expect((await second.allocate()).errorCode?.code).toBe(486);
    expect((await third.allocate()).class).toBe('success');
    expect((await fourth.allocate()).errorCode?.code).toBe(486);
    lab.server.reload({ turn: { ...lab.turn, quotaPerUser: 2 } });
    await lab.clock.advance(0);
    expect((await second.allocate()).errorCode?.code).toBe(508);
    await lab.clock.advance(600_000);
    expect((await second.allocate()).class).toBe('success');
  });

  it('gives an even port, and keeps the next for who has the token', async () => {
    const lab = await turnLab({ turn: { relayPorts: [50_001, 50_004] } });
    const [rtp, rtcp] = [await lab.client(), await lab.client()];
    const first = await rtp.allocate({ evenPort: { reserveNext: true } });
    expect(first.relayedAddress?.port).toBe(50_002);
    const second = await rtcp.allocate({ reservationToken: first.reservationToken });
    expect(second.relayedAddress?.port).toBe(50_003);
  });

  it('closes a kept port after 30 s', async () => {
    const lab = await turnLab({ turn: { relayPorts: [50_000, 50_001] } });
    const [rtp, late] = [await lab.client(), await lab.client()];
    const { reservationToken } = await rtp.allocate({ evenPort: { reserveNext: true } });
    expect(lab.network.boundAddresses).toContain('203.0.113.10:50001');
    await lab.clock.advance(36_000);
    expect(lab.network.boundAddresses).not.toContain('203.0.113.10:50001');
    expect((await late.allocate({ reservationToken })).errorCode?.code).toBe(508);
  });

  it('says 508 when all relay ports are taken', async () => {
    const lab = await turnLab({ turn: { relayPorts: [50_000, 50_001] } });
    for (let i = 0; i < 2; i++) expect((await (await lab.client()).allocate()).class).toBe('success');
    expect((await (await lab.client()).allocate()).errorCode?.code).toBe(508);
  });

  it('advertises the external address of a 1:1 NAT and binds the own one', async () => {
    const lab = await turnLab({ turn: { externalAddress: '198.51.100.200', relayPorts: [50_000, 50_000] } });
    const { relayedAddress } = await (await lab.client()).allocate();
    expect(relayedAddress).toEqual(at('198.51.100.200', 50_000));
    expect(lab.network.boundAddresses).toContain('203.0.113.10:50000');
  });

  it('tolerates DONT-FRAGMENT, and answers an attribute that nobody knows with 420', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    await client.request({ method: 'allocate' });
    const bytes = client.encode({ method: 'allocate', requestedTransport: 17, dontFragment: true });
    const strange = Buffer.from(bytes);
    strange.writeUInt16BE(0x7abc, strange.indexOf(Buffer.from([0x00, 0x1a, 0x00, 0x00])));
    expect(await client.exchange(client.resign(strange))).toMatchObject({
      errorCode: { code: 420 },
      unknownAttributes: [0x7abc],
    });
    expect((await client.exchange(bytes))?.class).toBe('success');
  });
});

describe('the life of an allocation', () => {
  it('ends when its lifetime is over, to the millisecond, and its port is closed', async () => {
    const lab = await turnLab({ turn: { relayPorts: [50_000, 50_000] } });
    const client = await lab.client();
    await client.allocate();
    await client.permit(PEER);
    await lab.clock.advance(299_000);
    await client.permit(PEER);
    await lab.clock.advance(600_000 - 299_000 - 1);
    expect((await client.request({ method: 'refresh' })).lifetimeSeconds).toBe(600);
    await lab.clock.advance(600_000);
    expect((await client.request({ method: 'refresh' })).errorCode?.code).toBe(437);
    expect(lab.network.boundAddresses).not.toContain('203.0.113.10:50000');
  });

  it('is swept without anybody asking, and then leaves no timer', async () => {
    const lab = await turnLab();
    await (await lab.client()).allocate();
    expect(lab.clock.pendingTimers).toBe(1);
    await lab.clock.advance(610_000);
    expect(lab.server.status()).toMatchObject({ allocations: 0 });
    expect(lab.clock.pendingTimers).toBe(0);
  });

  it('ends with Refresh 0, whose retransmission gets the same answer', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    await client.allocate();
    const request = client.encode({ method: 'refresh', lifetimeSeconds: 0 });
    for (let i = 0; i < 2; i++) {
      const answer = await client.exchange(request);
      expect(answer).toMatchObject({ class: 'success', lifetimeSeconds: 0 });
    }
    expect(lab.server.status()).toMatchObject({ allocations: 0 });
    expect((await client.allocate()).class).toBe('success');
  });

  it('belongs to the user who made it (441)', async () => {
    const lab = await turnLab({ turn: { users: { lab: 'secret', other: 'secret' } } });
    const client = await lab.client();
    await client.allocate();
    client.username = 'other';
    expect((await client.request({ method: 'refresh', lifetimeSeconds: 0 })).errorCode?.code).toBe(441);
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
  });

  it('stops with everything it has opened', async () => {
    const lab = await turnLab();
    await (await lab.client()).allocate({ evenPort: { reserveNext: true } });
    await lab.server.stop();
    await lab.server.stop();
    expect(lab.network.boundAddresses).toEqual(['198.51.100.7:51820', '192.0.2.1:5000']);
    expect(lab.clock.pendingTimers).toBe(0);
  });
});
