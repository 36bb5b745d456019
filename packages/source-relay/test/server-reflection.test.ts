import { describe, expect, it } from 'vitest';
import { encodeStunMessage, type StunMessageFields } from '@wirepath/stun-codec';
import { DEFAULT_STRANGER_SHARES } from '../src/server/stranger-limits.js';
import { settled } from './memory-network.js';
import { at } from './raw-client.js';
import { PEER, SERVER, turnLab } from './turn-lab.js';

const transactionId = Buffer.from('abcdefghijkl');
const victim = at('198.51.100.77', 53);
const stun = { listen: '203.0.113.10:3478', alternate: '203.0.113.11:3479' };

type Request = Partial<StunMessageFields> & Pick<StunMessageFields, 'method'>;

function requestOf(fields: Request): Buffer {
  return encodeStunMessage({ class: 'request', transactionId, ...fields });
}

const strangers: readonly [string, Request][] = [
  ['Binding', { method: 'binding' }],
  ['Binding with FINGERPRINT', { method: 'binding', fingerprint: true }],
  ['Binding with CHANGE-REQUEST', { method: 'binding', changeRequest: { changeIp: true, changePort: true } }],
  ['Binding with RESPONSE-PORT', { method: 'binding', responsePort: 19 }],
  ['Binding with PADDING', { method: 'binding', padding: Buffer.alloc(1300) }],
  ['Binding with PADDING and RESPONSE-PORT', { method: 'binding', padding: Buffer.alloc(1300), responsePort: 19 }],
  ['Allocate', { method: 'allocate', requestedTransport: 17 }],
  ['Refresh 0', { method: 'refresh', lifetimeSeconds: 0 }],
  ['CreatePermission', { method: 'create-permission', peerAddresses: [PEER] }],
  ['ChannelBind', { method: 'channel-bind' }],
  [
    'a signed request',
    { method: 'allocate', username: 'lab', realm: 'lab', nonce: 'n', integrityKey: Buffer.alloc(16) },
  ],
  ['a badly signed one', { method: 'allocate', integrityKey: Buffer.alloc(16) }],
];

describe.each(strangers)('%s under the name of somebody else', (_what, fields) => {
  it('has him sent so many bytes and no more, and nobody else anything', async () => {
    const lab = await turnLab({ stun });
    const bytes = requestOf(fields);
    const seconds = 10;
    for (let i = 0; i < seconds * 10; i++) {
      for (let j = 0; j < 500; j++) lab.network.send({ from: victim, to: SERVER, bytes });
      await lab.clock.advance(100);
    }
    await settled();
    const answers = lab.network.sent.filter(({ bytes: sent }) => sent !== bytes);
    const answered = answers.reduce((sum, answer) => sum + answer.bytes.length, 0);
    expect(answers.length).toBeGreaterThan(0);
    expect(new Set(answers.map(({ to }) => to.ip))).toEqual(new Set([victim.ip]));
    const { burst, perSecond } = DEFAULT_STRANGER_SHARES.bindingBytes;
    expect(answered).toBeLessThanOrEqual(burst + perSecond * seconds);
    // Padding never, and of what is said nothing that could be left out.
    expect(Math.max(...answers.map((answer) => answer.bytes.length))).toBeLessThanOrEqual(84);
  });
});

describe('an answer to a stranger', () => {
  async function answerTo(fields: Request, options: Parameters<typeof turnLab>[0] = {}) {
    const lab = await turnLab(options);
    const client = await lab.client();
    const bytes = requestOf(fields);
    return { request: bytes, answer: await client.exchange(bytes) };
  }

  it('to Binding is the mapped address alone', async () => {
    const { answer } = await answerTo({ method: 'binding' });
    expect(answer).toMatchObject({ software: undefined, responseOrigin: undefined, otherAddress: undefined });
    expect(answer?.bytes).toHaveLength(32);
  });

  it.each([
    ['', undefined, 4],
    [', with the other addresses where there are any', stun, 28],
  ])('to RESPONSE-PORT is little larger than the request%s', async (_what, options, more) => {
    const lab = await turnLab({ stun: options });
    const bytes = requestOf({ method: 'binding', responsePort: 4321 });
    lab.network.send({ from: at('192.0.2.1', 1234), to: SERVER, bytes });
    await settled();
    expect(lab.network.sent[1]?.to).toEqual(at('192.0.2.1', 4321));
    expect(lab.network.sent[1]!.bytes.length - bytes.length).toBe(more);
  });

  it('tells at most eight attributes that it does not know', async () => {
    const request = Buffer.concat([requestOf({ method: 'binding' }), Buffer.alloc(4 * 60)]);
    request.writeUInt16BE(4 * 60, 2);
    for (let i = 0; i < 60; i++) request.writeUInt16BE(0x7000 + i, 20 + 4 * i);
    const client = await (await turnLab()).client();
    const answer = await client.exchange(request);
    expect(answer?.errorCode?.code).toBe(420);
    expect(answer?.unknownAttributes).toHaveLength(8);
    expect(answer!.bytes.length).toBeLessThan(request.length);
  });

  it('to CHANGE-REQUEST where there is no other address is an error without a reason phrase', async () => {
    const { request, answer } = await answerTo({
      method: 'binding',
      changeRequest: { changeIp: true, changePort: true },
    });
    expect(answer).toMatchObject({ errorCode: { code: 420, reason: '' }, unknownAttributes: [3] });
    expect(answer!.bytes.length - request.length).toBeLessThanOrEqual(8);
  });
});

describe('the remembered answer to Refresh 0', () => {
  async function deleted() {
    const lab = await turnLab();
    const client = await lab.client();
    await client.allocate();
    const request = client.encode({ method: 'refresh', lifetimeSeconds: 0 });
    expect((await client.exchange(request))?.class).toBe('success');
    return { lab, client, request };
  }

  it('goes to the 5-tuple that asked: from elsewhere the same request is a stranger', async () => {
    const { lab, client, request } = await deleted();
    const other = await lab.client(at('198.51.100.1', 4000));
    expect((await other.exchange(request))?.errorCode?.code).toBe(438);
    const neighbour = await lab.client(at(client.address.ip, 1));
    expect((await neighbour.exchange(request))?.errorCode?.code).toBe(438);
    expect((await client.exchange(request))?.class).toBe('success');
  });

  it('takes more than the transaction id to have', async () => {
    const { client, request } = await deleted();
    const forged = encodeStunMessage({ class: 'request', method: 'refresh', transactionId: request.subarray(8, 20) });
    expect((await client.exchange(forged))?.errorCode?.code).toBe(401);
  });

  it('is gone after 40 s, as that to Allocate is', async () => {
    const { lab, client, request } = await deleted();
    await lab.clock.advance(39_999);
    expect((await client.exchange(request))?.class).toBe('success');
    await lab.clock.advance(1);
    expect((await client.exchange(request))?.errorCode?.code).toBe(437);
    const allocate = client.encode({ method: 'allocate', requestedTransport: 17 });
    expect((await client.exchange(allocate))?.class).toBe('success');
    await lab.clock.advance(39_999);
    expect((await client.exchange(allocate))?.class).toBe('success');
    await lab.clock.advance(1);
    expect((await client.exchange(allocate))?.errorCode?.code).toBe(437);
  });

  it('is limited as any request is', async () => {
    const { lab, client, request } = await deleted();
    for (let i = 0; i < 5000; i++) lab.network.send({ from: client.address, to: SERVER, bytes: request });
    await settled();
    expect(lab.drops()['rate-limited']).toBeGreaterThan(2000);
  });
});

describe('nothing is answered', () => {
  it.each([
    ['port 0', at('192.0.2.1', 0)],
    ['a multicast address', at('224.0.0.251', 5353)],
    ['the broadcast address', at('255.255.255.255', 9)],
    ['a reserved address', at('240.0.0.1', 9)],
    ['no address', at('0.0.0.0', 9)],
    ['a multicast address (IPv6)', at('ff02::fb', 5353)],
    ['no address (IPv6)', at('::', 9)],
    ['a listening socket', SERVER],
    ['the other listening socket', at('203.0.113.11', 3479)],
  ])('to %s', async (_what, from) => {
    const lab = await turnLab({ stun });
    for (const [, fields] of strangers) lab.network.send({ from, to: SERVER, bytes: requestOf(fields) });
    await settled();
    expect(lab.network.sent).toHaveLength(strangers.length);
    expect(lab.drops()).toEqual({ unanswerable: strangers.length });
  });

  it('to a listening socket that RESPONSE-PORT names', async () => {
    const lab = await turnLab({ stun });
    const bytes = requestOf({ method: 'binding', responsePort: 3479 });
    lab.network.send({ from: at('203.0.113.11', 9), to: SERVER, bytes });
    await settled();
    expect(lab.network.sent).toHaveLength(1);
    expect(lab.drops()).toEqual({ unanswerable: 1 });
  });

  it('to another server, whose requests are answered and whose answers are not', async () => {
    const lab = await turnLab();
    const other = at('198.51.100.9', 3478);
    // It sends back all that it gets.
    await lab.network.open(other, (bytes, ip, port) => lab.network.send({ from: other, to: at(ip, port), bytes }));
    for (const [, fields] of strangers) lab.network.send({ from: other, to: SERVER, bytes: requestOf(fields) });
    for (let i = 0; i < 10; i++) await settled();
    // Request, answer, and the answer come back.
    expect(lab.network.sent.length).toBeLessThanOrEqual(3 * strangers.length);
  });
});

describe('a permission for an address that became this host', () => {
  it('reaches none of the host any more', async () => {
    const addresses = ['203.0.113.10'];
    const lab = await turnLab({ addresses: () => addresses });
    const client = await lab.client();
    await client.allocate();
    await client.bindChannel(0x4000, PEER);
    await client.sendChannelData(0x4000, 'before');
    addresses.push(PEER.ip);
    await lab.clock.advance(11_000);
    await client.sendChannelData(0x4000, 'after');
    expect(lab.peer.received).toHaveLength(1);
    expect(lab.drops()).toEqual({ 'peer-refused': 1 });
    expect((await client.permit(PEER)).errorCode?.code).toBe(403);
  });
});
