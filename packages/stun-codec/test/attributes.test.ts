import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attributeType,
  decodeStunMessage,
  encodeStunMessage,
  transactionKey,
  transportAddress,
  type StunMessageFields,
} from '@wirepath/stun-codec';
import { anyAddress, anyMessage, attributeNames, attributeValues, type AttributeName } from './arbitraries.js';
import { rawAttribute, rawMessage } from './raw-message.js';

const transactionId = Buffer.from('0102030405060708090a0b0c', 'hex');
const binding = { class: 'request', method: 'binding', transactionId } as const;
const hexOf = (fields: Partial<StunMessageFields>) => encodeStunMessage({ ...binding, ...fields }).toString('hex', 20);

/** What a decoded message says of an attribute that is not there. */
const absent = (name: AttributeName) =>
  name === 'useCandidate' || name === 'dontFragment' ? false : name === 'peerAddresses' ? [] : undefined;

describe('every attribute comes back as it was encoded', () => {
  it.each(attributeNames)('%s', (name) => {
    fc.assert(
      fc.property(
        attributeValues[name] as fc.Arbitrary<unknown>,
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        (value, id) => {
          const message = decodeStunMessage(encodeStunMessage({ ...binding, transactionId: id, [name]: value }))!;
          expect(message[name]).toEqual(value);
          expect(message.unknownRequired).toEqual([]);
          for (const other of attributeNames) if (other !== name) expect(message[other]).toEqual(absent(other));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('together, with class, method, transaction id, integrity and fingerprint', () => {
    fc.assert(
      fc.property(anyMessage, (fields) => {
        const message = decodeStunMessage(encodeStunMessage(fields))!;
        expect(message.class).toBe(fields.class);
        expect(message.method).toBe(fields.method);
        expect([...message.transactionId]).toEqual([...fields.transactionId]);
        expect(message.transactionKey).toBe(transactionKey(fields.transactionId));
        for (const name of attributeNames) expect(message[name]).toEqual(fields[name] ?? absent(name));
        expect(message.hasIntegrity).toBe(fields.integrityKey !== undefined);
        expect(message.verifyIntegrity(fields.integrityKey ?? Buffer.from('k'))).toBe(
          fields.integrityKey !== undefined,
        );
        expect(message.verifyIntegrity(Buffer.from('another key'))).toBe(false);
        expect(message.hasFingerprint).toBe(fields.fingerprint === true);
        expect(message.verifyFingerprint()).toBe(fields.fingerprint === true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('bytes on the wire', () => {
  // From the RFCs' figures; the transaction id is 01 02 .. 0c.
  it.each<[string, Partial<StunMessageFields>, string]>([
    ['CHANNEL-NUMBER in the upper half of the word', { channelNumber: 0x4001 }, '000c000440010000'],
    ['REQUESTED-TRANSPORT in the top byte', { requestedTransport: 17 }, '0019000411000000'],
    ['REQUESTED-ADDRESS-FAMILY IPv4', { requestedAddressFamily: 4 }, '0017000401000000'],
    ['REQUESTED-ADDRESS-FAMILY IPv6', { requestedAddressFamily: 6 }, '0017000402000000'],
    [
      'ERROR-CODE: class and number apart',
      { errorCode: { code: 438, reason: 'Stale' } },
      '0009000900000426' + '5374616c65000000',
    ],
    ['EVEN-PORT with R', { evenPort: { reserveNext: true } }, '0018000180000000'],
    ['EVEN-PORT without R', { evenPort: { reserveNext: false } }, '0018000100000000'],
    ['DONT-FRAGMENT', { dontFragment: true }, '001a0000'],
    ['USE-CANDIDATE', { useCandidate: true }, '00250000'],
    ['no flag at all for false', { useCandidate: false, dontFragment: false }, ''],
    ['CHANGE-REQUEST: change IP is 4', { changeRequest: { changeIp: true, changePort: false } }, '0003000400000004'],
    ['CHANGE-REQUEST: change port is 2', { changeRequest: { changeIp: false, changePort: true } }, '0003000400000002'],
    ['RESPONSE-PORT with its padding inside', { responsePort: 0x1234 }, '0027000412340000'],
    ['LIFETIME', { lifetimeSeconds: 600 }, '000d000400000258'],
    ['PRIORITY beyond 2^31', { priority: 0xfffffffe }, '00240004fffffffe'],
    ['ICE-CONTROLLING', { iceControlling: 0xfedcba9876543210n }, '802a0008fedcba9876543210'],
    ['UNKNOWN-ATTRIBUTES', { unknownAttributes: [0x17, 0x1b, 0x7fff] }, '000a00060017001b7fff0000'],
    ['CANDIDATE-TYPE', { iceCandidateType: { type: 'relayed' } }, 'c0b7000403000000'],
    [
      'CANDIDATE-TYPE with generation',
      { iceCandidateType: { type: 'server-reflexive', generation: 7 } },
      'c0b700080100000000000007',
    ],
    ['XOR-MAPPED-ADDRESS IPv4', { mappedAddress: transportAddress('192.0.2.1', 32853) }, '002000080001a147e112a643'],
    [
      'XOR-RELAYED-ADDRESS IPv6',
      { relayedAddress: transportAddress('::', 0) },
      '0016001400022112' + '2112a4420102030405060708090a0b0c',
    ],
    [
      'OTHER-ADDRESS, not XORed',
      { otherAddress: transportAddress('2001:db8::1', 3479) },
      '802c001400020d97' + '20010db8000000000000000000000001',
    ],
    [
      'an IPv6 zone stays at home',
      { otherAddress: transportAddress('fe80::1%eth0', 1) },
      '802c001400020001' + 'fe800000000000000000000000000001',
    ],
  ])('%s', (_, fields, expected) => expect(hexOf(fields)).toBe(expected));

  it.each([
    ['request', 'binding', 0x0001],
    ['success', 'binding', 0x0101],
    ['error', 'binding', 0x0111],
    ['indication', 'send', 0x0016],
    ['indication', 'data', 0x0017],
    ['error', 'create-permission', 0x0118],
    ['success', 'channel-bind', 0x0109],
    ['error', 0xfff, 0x3fff],
    ['request', 0x80, 0x0200],
  ] as const)('message type of %s %s', (messageClass, method, type) => {
    expect(encodeStunMessage({ class: messageClass, method, transactionId }).readUInt16BE(0)).toBe(type);
    const message = decodeStunMessage(rawMessage(type))!;
    expect([message.class, message.method]).toEqual([messageClass, method]);
  });

  it('several XOR-PEER-ADDRESS, one address twice too', () => {
    const peerAddresses = ['192.0.2.1', '192.0.2.1', '2001:db8::1', '192.0.2.9'].map((ip) => transportAddress(ip, 5));
    const message = decodeStunMessage(
      encodeStunMessage({ class: 'request', method: 'create-permission', transactionId, peerAddresses }),
    )!;
    expect(message.peerAddresses).toEqual(peerAddresses);
  });
});

describe('decoding', () => {
  const decode = (type: number, ...attributes: Buffer[]) => decodeStunMessage(rawMessage(type, ...attributes))!;

  it.each([300, 401, 420, 437, 438, 486, 508, 699])('ERROR-CODE %i', (code) => {
    const value = Buffer.concat([Buffer.from([0, 0, Math.floor(code / 100), code % 100]), Buffer.from('because')]);
    expect(decode(0x0111, rawAttribute(attributeType.errorCode, value)).errorCode).toEqual({ code, reason: 'because' });
  });

  it('the first of two equal attributes counts', () => {
    const twice = decode(
      0x0001,
      rawAttribute(attributeType.username, 'first'),
      rawAttribute(attributeType.username, 'second'),
    );
    expect(twice.username).toBe('first');
  });

  it('MAPPED-ADDRESS where there is no XOR-MAPPED-ADDRESS', () => {
    const plain = rawAttribute(attributeType.mappedAddress, Buffer.from('00010d96c0000201', 'hex'));
    const xored = rawAttribute(attributeType.xorMappedAddress, Buffer.from('0001a147e112a643', 'hex'));
    expect(decode(0x0101, plain).mappedAddress).toEqual(transportAddress('192.0.2.1', 3478));
    expect(decode(0x0101, plain, xored).mappedAddress).toEqual(transportAddress('192.0.2.1', 32853));
  });

  it('RESPONSE-PORT of 2 bytes, as some write it', () => {
    expect(decode(0x0001, rawAttribute(attributeType.responsePort, Buffer.from([1, 2]))).responsePort).toBe(0x102);
  });

  it('comprehension-required attributes that nobody here knows are listed once each, in order', () => {
    const types = [0x8777, 0x001c, 0x7fff, 0x001c, 0xc057, 0x0002];
    const message = decode(0x0001, ...types.map((type) => rawAttribute(type, 'x')));
    expect(message.unknownRequired).toEqual([0x001c, 0x7fff, 0x0002]);
  });

  it('takes RFC 3489 SOURCE-ADDRESS and CHANGED-ADDRESS from an old server', () => {
    expect(
      decode(0x0101, rawAttribute(0x0004, Buffer.alloc(8)), rawAttribute(0x0005, Buffer.alloc(8))).unknownRequired,
    ).toEqual([]);
  });

  it.each<[AttributeName, number, string[]]>([
    ['username', attributeType.username, ['ff', 'c3', '61'.repeat(509)]],
    ['errorCode', attributeType.errorCode, ['', '000004', '00000201', '00000701', '00000464']],
    ['unknownAttributes', attributeType.unknownAttributes, ['00', '000100']],
    [
      'mappedAddress',
      attributeType.xorMappedAddress,
      ['', '0001', '0001a147', '0001a147e112a6', '0002a147e112a643', '0003a147e112a643', '0001a147e112a64300'],
    ],
    [
      'otherAddress',
      attributeType.otherAddress,
      ['', '0001', '00000d96c0000201', '00020d96c0000201', '0001' + '00'.repeat(18)],
    ],
    ['priority', attributeType.priority, ['', '000000', '0000000000']],
    ['useCandidate', attributeType.useCandidate, ['00']],
    ['iceControlling', attributeType.iceControlling, ['', '00000000000000', '000000000000000000']],
    [
      'iceCandidateType',
      attributeType.candidateType,
      ['', '00', '04000000', 'ff000000', '0000000000', '000000000000000000000000'],
    ],
    ['changeRequest', attributeType.changeRequest, ['', '00', '0000000000']],
    ['responsePort', attributeType.responsePort, ['', '00', '000000', '0000000000']],
    ['lifetimeSeconds', attributeType.lifetime, ['', '000258']],
    ['requestedTransport', attributeType.requestedTransport, ['', '11', '1100000000']],
    ['requestedAddressFamily', attributeType.requestedAddressFamily, ['', '01', '00000000', '03000000']],
    ['evenPort', attributeType.evenPort, ['', '8000']],
    ['reservationToken', attributeType.reservationToken, ['', '00000000000000', '000000000000000000']],
    ['channelNumber', attributeType.channelNumber, ['', '4000', '400000000000']],
    ['peerAddresses', attributeType.xorPeerAddress, ['', '0001', '0009a147e112a643']],
  ])('a malformed %s reads as absent', (name, type, values) => {
    for (const value of values)
      expect(decode(0x0001, rawAttribute(type, Buffer.from(value, 'hex')))[name]).toEqual(absent(name));
  });

  it('one malformed XOR-PEER-ADDRESS spoils all of them', () => {
    const good = rawAttribute(attributeType.xorPeerAddress, Buffer.from('0001a147e112a643', 'hex'));
    const bad = rawAttribute(attributeType.xorPeerAddress, Buffer.from('0001a147', 'hex'));
    expect(decode(0x0008, good).peerAddresses).toHaveLength(1);
    expect(decode(0x0008, good, bad).peerAddresses).toEqual([]);
  });
});

describe('encoding refuses what does not fit', () => {
  it.each<[string, Partial<StunMessageFields>]>([
    ['a transaction id of 11 bytes', { transactionId: Buffer.alloc(11) }],
    ['a method of 13 bits', { method: 0x1000 }],
    ['a username of 509 bytes', { username: 'é'.repeat(254) + 'a' }],
    ['a realm of 764 bytes', { realm: 'a'.repeat(764) }],
    ['error 299', { errorCode: { code: 299, reason: '' } }],
    ['error 700', { errorCode: { code: 700, reason: '' } }],
    ['a reason of 128 characters', { errorCode: { code: 400, reason: 'a'.repeat(128) } }],
    ['priority 2^32', { priority: 2 ** 32 }],
    ['priority -1', { priority: -1 }],
    ['lifetime 0.5', { lifetimeSeconds: 0.5 }],
    ['a tie-breaker of 65 bits', { iceControlling: 1n << 64n }],
    ['a negative tie-breaker', { iceControlled: -1n }],
    ['channel 0x10000', { channelNumber: 0x10000 }],
    ['transport 256', { requestedTransport: 256 }],
    ['port 65536', { responsePort: 65536 }],
    ['a reservation token of 7 bytes', { reservationToken: Buffer.alloc(7) }],
    ['unknown attribute type 65536', { unknownAttributes: [65536] }],
    ['generation 2^32', { iceCandidateType: { type: 'host', generation: 2 ** 32 } }],
    ['data of 65536 bytes', { data: Buffer.alloc(65536) }],
    ['more than one message holds', { data: Buffer.alloc(40000), padding: Buffer.alloc(40000) }],
  ])('%s', (_, fields) => expect(() => encodeStunMessage({ ...binding, ...fields })).toThrow(RangeError));

  it('a username never stands in the error', () => {
    expect(() => encodeStunMessage({ ...binding, username: 'hunter2'.repeat(100) })).toThrow(/^(?!.*hunter2)/);
  });

  it('but takes the largest message there is', () => {
    const bytes = encodeStunMessage({ ...binding, data: Buffer.alloc(65528, 1) });
    expect(bytes.length).toBe(20 + 65532);
    expect(decodeStunMessage(bytes)?.data?.length).toBe(65528);
  });
});

it('XOR addresses do not depend on what else is in the message', () => {
  fc.assert(
    fc.property(anyAddress, (address) => {
      const fields = {
        mappedAddress: address,
        relayedAddress: address,
        peerAddresses: [address],
        responseOrigin: address,
      };
      const message = decodeStunMessage(encodeStunMessage({ ...binding, ...fields }))!;
      expect([message.mappedAddress, message.relayedAddress, ...message.peerAddresses, message.responseOrigin]).toEqual(
        Array(4).fill(address),
      );
    }),
  );
});
