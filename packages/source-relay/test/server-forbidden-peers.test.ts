import { encodeRelayIndication, ipToBytes } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { at, RawClient } from './raw-client.js';
import { turnLab } from './turn-lab.js';

const LISTEN = { 4: at('203.0.113.10', 3478), 6: at('2001:db8:5::1', 3478) };
const CLIENT = { 4: at('192.0.2.1', 5000), 6: at('2001:db8:c::1', 5000) };
const GOOD = { 4: at('198.51.100.7', 80), 6: at('2001:db8:7::1', 80) };

async function allocated(family: 4 | 6) {
  const lab = await turnLab({ turn: { listen: ['203.0.113.10:3478', '[2001:db8:5::1]:3478'] } });
  const client = await RawClient.open(lab.network, LISTEN[family], CLIENT[family]);
  const answer = await client.allocate(family === 6 ? { requestedAddressFamily: 6 } : {});
  expect(answer.class).toBe('success');
  await client.permit(GOOD[family]);
  return { lab, client };
}

describe.each([
  ['127.0.0.1', 4],
  ['127.1.2.3', 4],
  ['10.0.0.1', 4],
  ['10.255.255.255', 4],
  ['169.254.169.254', 4],
  ['0.0.0.0', 4],
  ['255.255.255.255', 4],
  ['224.0.0.251', 4],
  // The relay's own.
  ['203.0.113.10', 4],
  ['::1', 6],
  ['::', 6],
  ['64:ff9b::7f00:1', 6],
  ['64:ff9b::a9fe:a9fe', 6],
  ['64:ff9b::203.0.113.10', 6],
  ['2002:7f00:1::1', 6],
  ['fe80::1', 6],
  ['fd00::1', 6],
  ['ff02::1', 6],
  ['2001:db8:5::1', 6],
] as const)('a relay lets nobody reach %s', (ip, family) => {
  const peer = at(ip, 80);

  it('by CreatePermission, alone or beside a good one', async () => {
    const { client } = await allocated(family);
    expect((await client.permit(peer)).errorCode?.code).toBe(403);
    expect((await client.permit(GOOD[family], peer)).errorCode?.code).toBe(403);
  });

  it('by ChannelBind', async () => {
    const { lab, client } = await allocated(family);
    expect((await client.bindChannel(0x4000, peer)).errorCode?.code).toBe(403);
    await client.sendChannelData(0x4000, 'probe');
    expect(lab.drops()).toEqual({ 'no-channel': 1 });
  });

  it('by a Send indication', async () => {
    const { lab, client } = await allocated(family);
    await client.sendIndication(peer, 'probe');
    const received = lab.network.sent.filter(({ bytes, from }) => bytes.includes('probe') && from !== client.address);
    expect(received).toEqual([]);
    expect(lab.drops()).toEqual({ 'no-permission': 1 });
  });
});

it('an address of the other family is 443, whatever it leads to', async () => {
  const [four, six] = [await allocated(4), await allocated(6)];
  for (const ip of ['::1', '64:ff9b::7f00:1'])
    expect((await four.client.bindChannel(0x4000, at(ip, 80))).errorCode?.code).toBe(443);
  expect((await six.client.bindChannel(0x4000, at('127.0.0.1', 80))).errorCode?.code).toBe(443);
});

describe('::ffff:127.0.0.1, the IPv4-mapped form, as 16 bytes on the wire', () => {
  const STAND_IN = at('2001:db8:7::2', 80);
  const MAPPED = Buffer.from('00000000000000000000ffff7f000001', 'hex');
  /** Puts it where the stand-in is: what both are masked with is the same. */
  function inItsPlace(bytes: Buffer): Buffer {
    const value = bytes.indexOf(Buffer.from('00120014', 'hex')) + 8;
    for (const [index, byte] of ipToBytes(STAND_IN).entries()) bytes[value + index]! ^= byte ^ MAPPED[index]!;
    return bytes;
  }

  it.each([
    [4, 403],
    [6, 443],
  ] as const)(
    'is the address that it leads to, for a relayed address of IPv%i: %i, or dropped',
    async (family, code) => {
      const { lab, client } = await allocated(family);
      const peerAddresses = [STAND_IN];
      for (const fields of [
        { method: 'create-permission', peerAddresses },
        { method: 'channel-bind', channelNumber: 0x4000, peerAddresses },
      ] as const) {
        const answer = await client.exchange(client.resign(inItsPlace(client.encode(fields))));
        expect(answer?.errorCode?.code).toBe(code);
      }
      await client.send(inItsPlace(encodeRelayIndication('send', Buffer.alloc(12), STAND_IN, Buffer.from('probe'))));
      expect(lab.drops()).toEqual({ 'no-permission': 1 });
    },
  );
});
