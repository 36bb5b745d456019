import { describe, expect, it } from 'vitest';
import { formatAddress } from '@wirepath/core/plugin';
import { decodeStunMessage, encodeStunMessage } from '@wirepath/stun-codec';
import { settled } from './memory-network.js';
import { at } from './raw-client.js';
import { SERVER, turnLab } from './turn-lab.js';

const transactionId = Buffer.from('abcdefghijkl');
const client = at('192.0.2.1', 1234);
const stun = { listen: '203.0.113.10:3478', alternate: '203.0.113.11:3479' };

async function ask(
  fields: Partial<Parameters<typeof encodeStunMessage>[0]>,
  options: Parameters<typeof turnLab>[0] = { stun },
  to = SERVER,
) {
  const lab = await turnLab(options);
  const request = encodeStunMessage({ class: 'request', method: 'binding', transactionId, ...fields });
  lab.network.send({ from: client, to, bytes: request });
  await settled();
  const [, answer] = lab.network.sent;
  return { lab, request, answer, message: answer && decodeStunMessage(answer.bytes) };
}

describe('Binding (RFC 8489, RFC 5780)', () => {
  it('tells the mapped address, and shares the socket of an equal turn.listen', async () => {
    const { lab, message } = await ask({}, { stun: { listen: '203.0.113.10:3478' } });
    expect(message).toMatchObject({
      class: 'success',
      mappedAddress: client,
      responseOrigin: undefined,
      otherAddress: undefined,
    });
    expect(lab.server.describe()).toEqual([
      'stun 203.0.113.10:3478',
      'turn 203.0.113.10:3478',
      'turn 203.0.113.10:3478/tcp',
    ]);
    const at = { protocol: 'udp', ip: '203.0.113.10', port: 3478 };
    expect(lab.server.addresses()).toEqual([
      { section: 'stun', url: 'stun:203.0.113.10:3478', ...at },
      { section: 'turn', url: 'turn:203.0.113.10:3478', ...at },
      { section: 'turn', url: 'turn:203.0.113.10:3478?transport=tcp', ...at, protocol: 'tcp' },
    ]);
  });

  it('opens all four corners, TURN on one', async () => {
    const { lab } = await ask({});
    expect(lab.server.describe().toSorted()).toEqual([
      'stun 203.0.113.10:3478',
      'stun 203.0.113.10:3479',
      'stun 203.0.113.11:3478',
      'stun 203.0.113.11:3479',
      'turn 203.0.113.10:3478',
      'turn 203.0.113.10:3478/tcp',
    ]);
  });

  const corners = ['203.0.113.10:3478', '203.0.113.10:3479', '203.0.113.11:3478', '203.0.113.11:3479'];
  const cases = corners.flatMap((to) =>
    [false, true].flatMap((changeIp) => [false, true].map((changePort) => ({ to, changeIp, changePort }))),
  );
  it.each(cases)(
    'answers a request to $to from where it asks (ip: $changeIp, port: $changePort)',
    async ({ to, changeIp, changePort }) => {
      const [ip = '', port = ''] = to.split(':');
      const { answer, message } = await ask(
        { changeRequest: { changeIp, changePort } },
        { stun },
        at(ip, Number(port)),
      );
      const swap = <T>(value: T, a: T, b: T, yes: boolean) => (yes ? (value === a ? b : a) : value);
      const origin = at(swap(ip, '203.0.113.10', '203.0.113.11', changeIp), swap(Number(port), 3478, 3479, changePort));
      expect(formatAddress(answer!.from)).toBe(formatAddress(origin));
      expect(message?.responseOrigin).toEqual(origin);
      const other = at(swap(ip, '203.0.113.10', '203.0.113.11', true), swap(Number(port), 3478, 3479, true));
      expect(message?.otherAddress).toEqual(other);
    },
  );

  it('says 420 to CHANGE-REQUEST without an alternate address', async () => {
    const { message } = await ask(
      { changeRequest: { changeIp: true, changePort: false } },
      { stun: { listen: '203.0.113.10:3478' } },
    );
    expect(message).toMatchObject({ class: 'error', errorCode: { code: 420 }, unknownAttributes: [3] });
  });

  it('answers to RESPONSE-PORT, and refuses it together with PADDING', async () => {
    expect((await ask({ responsePort: 4321 })).answer?.to).toEqual(at(client.ip, 4321));
    expect((await ask({ responsePort: 4321, padding: Buffer.alloc(100) })).message?.errorCode?.code).toBe(400);
  });

  it.each([
    ['plain', {}],
    ['with CHANGE-REQUEST', { changeRequest: { changeIp: true, changePort: true } }],
    ['with PADDING', { padding: Buffer.alloc(1300) }],
    ['with FINGERPRINT', { fingerprint: true }],
  ])('never makes much more of a request: %s', async (_what, fields) => {
    const { request, answer } = await ask(fields);
    // XOR-MAPPED-ADDRESS, RESPONSE-ORIGIN and OTHER-ADDRESS, 12 bytes each.
    expect(answer!.bytes.length - request.length).toBeLessThanOrEqual(36);
  });

  it('serves no TURN where only stun listens', async () => {
    const lab = await turnLab({ stun });
    lab.network.send({
      from: client,
      to: at('203.0.113.11', 3479),
      bytes: encodeStunMessage({ class: 'request', method: 'allocate', transactionId, requestedTransport: 17 }),
    });
    await settled();
    expect(lab.network.sent).toHaveLength(1);
    expect(lab.drops()).toEqual({ 'unexpected-message': 1 });
  });
});
