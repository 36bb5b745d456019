import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeChannelData, encodeStunMessage } from '@wirepath/stun-codec';
import { settled } from './memory-network.js';
import { at } from './raw-client.js';
import { PEER, SERVER, turnLab } from './turn-lab.js';

describe('a server that faces the network', () => {
  it.each([0, 1, 3, 4, 19, 20])('drops and counts datagrams of %i bytes, on all its sockets', async (length) => {
    const lab = await turnLab();
    const client = await lab.client();
    const { relayedAddress } = await client.allocate();
    await client.permit(PEER);
    for (const first of [0x00, 0x01, 0x40, 0x7f, 0x80, 0xff]) {
      const bytes = Buffer.alloc(length);
      if (length > 0) bytes[0] = first;
      await client.send(bytes);
      lab.network.send({ from: PEER, to: relayedAddress!, bytes });
    }
    await settled();
    expect(lab.drops()['internal-error']).toBeUndefined();
    const { malformed = 0, 'no-channel': noChannel = 0 } = lab.drops();
    expect(malformed + noChannel).toBe(6);
    expect((await client.request({ method: 'refresh' })).class).toBe('success');
  });

  it.each([0, 1, 3])('relays datagrams of %i bytes as any other, from peers and to them', async (length) => {
    const lab = await turnLab();
    const client = await lab.client();
    const relayed = (await client.allocate()).relayedAddress!;
    const text = 'abc'.slice(0, length);
    await client.permit(PEER);
    await lab.fromPeer(text, relayed);
    await client.sendIndication(PEER, text);
    await client.bindChannel(0x4000, PEER);
    await lab.fromPeer(text, relayed);
    await client.sendChannelData(0x4000, text);
    expect(client.data).toEqual([`${PEER.ip}:${PEER.port} ${text}`, `4000 ${text}`]);
    expect(lab.peer.received).toEqual(Array(2).fill(`${relayed.ip}:${relayed.port} ${text}`));
    expect(lab.drops()).toEqual({});
  });

  it('survives 100,000 mutated messages', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    await client.allocate();
    await client.bindChannel(0x4000, PEER);
    const peerAddresses = [PEER];
    const seeds = [
      client.encode({ method: 'allocate', requestedTransport: 17, evenPort: { reserveNext: true }, fingerprint: true }),
      client.encode({ method: 'refresh', lifetimeSeconds: 600 }),
      client.encode({ method: 'create-permission', peerAddresses: [PEER, at('198.51.100.9', 1)] }),
      client.encode({ method: 'channel-bind', channelNumber: 0x4001, peerAddresses }),
      encodeStunMessage({
        class: 'indication',
        method: 'send',
        transactionId: Buffer.alloc(12),
        peerAddresses,
        data: Buffer.from('data'),
      }),
      encodeStunMessage({
        class: 'request',
        method: 'binding',
        transactionId: Buffer.alloc(12),
        changeRequest: { changeIp: true, changePort: true },
      }),
      encodeChannelData(0x4000, Buffer.from('payload')),
    ];
    const mutation = fc.tuple(fc.nat(seeds.length - 1), fc.nat(200), fc.nat(255), fc.nat(200), fc.nat(255), fc.nat(9));
    let count = 0;
    for (const [seed, at1, value1, at2, value2, cut] of fc.sample(mutation, { numRuns: 100_000, seed: 1 })) {
      const bytes = Buffer.from(seeds[seed]!);
      bytes[at1 % bytes.length] = value1;
      // Half of them change in one place only: so they get deeper.
      if (value2 & 1) bytes[at2 % bytes.length] = value2;
      lab.network.send({
        from: client.address,
        to: SERVER,
        bytes: cut === 0 ? bytes.subarray(0, at2 % bytes.length) : bytes,
      });
      lab.network.sent.length = 0;
      // Time passes, so that the rate limit lets some of the answers through.
      if (++count % 1000 === 0) await lab.clock.advance(1000);
    }
    await settled();
    expect(lab.drops()['internal-error']).toBeUndefined();
    expect(lab.drops()['malformed']).toBeGreaterThan(1000);
    expect(lab.server.status()).toMatchObject({ allocations: 1 });
    expect((await client.request({ method: 'refresh' })).class).toBe('success');
  }, 30_000);

  it('keeps nothing of 40,000 requests without credentials: no timer, no table', async () => {
    const lab = await turnLab();
    const bytes = encodeStunMessage({
      class: 'request',
      method: 'allocate',
      transactionId: Buffer.alloc(12, 7),
      requestedTransport: 17,
    });
    for (let i = 0; i < 40_000; i++) {
      lab.network.send({ from: at(`192.0.${(i >> 8) & 255}.${i & 255}`, 1024 + (i % 60_000)), to: SERVER, bytes });
      if (i % 2000 === 0) await settled();
    }
    await settled();
    expect(lab.clock.pendingTimers).toBe(0);
    expect(lab.server.status()).toMatchObject({ allocations: 0, users: 0 });
    expect((await (await lab.client()).allocate()).class).toBe('success');
  });

  it('never answers a response, an indication, or a method that it does not know', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    const transactionId = Buffer.alloc(12);
    for (const message of [
      { class: 'success', method: 'binding' },
      { class: 'error', method: 'allocate' },
      { class: 'indication', method: 'binding' },
      { class: 'indication', method: 'send' },
      { class: 'indication', method: 'data' },
      { class: 'request', method: 0x0ab },
      { class: 'request', method: 'send' },
    ] as const)
      await client.send(encodeStunMessage({ ...message, transactionId }));
    expect(client.inbox).toEqual([]);
  });

  it('drops a message whose fingerprint is wrong', async () => {
    const lab = await turnLab();
    const client = await lab.client();
    const bytes = client.encode({ method: 'binding', fingerprint: true });
    bytes[bytes.length - 1]! ^= 1;
    await client.send(bytes);
    expect(client.inbox).toEqual([]);
    expect(lab.drops()).toEqual({ 'bad-fingerprint': 1 });
  });
});
