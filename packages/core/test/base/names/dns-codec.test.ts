import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeDnsQuery, readDnsAnswer, type DnsQuery } from '../../../src/base/names/dns-codec.js';
import { packet } from './dns-fixtures.js';

const query: DnsQuery = { id: 0x1234, name: 'relay.example', type: 'A' };
const questions = [{ name: 'relay.example', type: 'A' }];
const a = (name: string, data: string, ttl = 60) => ({ name, type: 'A', ttl, data });
const cname = (name: string, data: string, ttl = 60) => ({ name, type: 'CNAME', ttl, data });
const response = (more: object = {}) => packet.encode({ type: 'response', id: 0x1234, questions, ...more });

describe('answers of DNS servers', () => {
  it('asks for one name and type, recursively', () => {
    expect(packet.decode(Buffer.from(encodeDnsQuery(query)))).toMatchObject({
      id: 0x1234,
      type: 'query',
      flag_rd: true,
      questions: [{ name: 'relay.example', type: 'A' }],
    });
  });

  it('reads addresses, each once, and the least time to live', () => {
    const answers = [
      a('relay.example', '203.0.113.1', 90),
      a('RELAY.example', '203.0.113.2', 30),
      a('relay.example', '203.0.113.1'),
    ];
    expect(readDnsAnswer(response({ answers }), query)).toEqual({
      kind: 'addresses',
      addresses: ['203.0.113.1', '203.0.113.2'],
      ttlSeconds: 30,
    });
  });

  it('follows aliases within the answer, in whatever order', () => {
    const answers = [
      a('c.example', '203.0.113.1'),
      cname('b.example', 'C.example'),
      cname('relay.example', 'b.example', 5),
    ];
    expect(readDnsAnswer(response({ answers }), query)).toMatchObject({ addresses: ['203.0.113.1'], ttlSeconds: 5 });
  });

  it('gives the end of a chain that it says no more of', () => {
    const answers = [cname('relay.example', 'b.example')];
    expect(readDnsAnswer(response({ answers }), query)).toMatchObject({ kind: 'alias', target: 'b.example' });
  });

  it('does not go round with names that stand for each other', () => {
    const answers = [cname('relay.example', 'b.example'), cname('b.example', 'relay.example')];
    expect(() => readDnsAnswer(response({ answers }), query)).not.toThrow();
  });

  it.each([
    ['truncated', response({ flags: 1 << 9 }), { kind: 'truncated' }],
    ['NXDOMAIN', response({ flags: 3 }), { kind: 'nothing', reason: 'no such name' }],
    ['no record', response(), { kind: 'nothing', reason: 'no address' }],
    ['only those of others', response({ answers: [a('evil.example', '203.0.113.6')] }), { kind: 'nothing' }],
    ['SERVFAIL', response({ flags: 2 }), { kind: 'failed', reason: 'SERVFAIL' }],
    [
      'a question in other letters',
      response({ questions: [{ name: 'ReLaY.example', type: 'A' }], answers: [a('relay.example', '203.0.113.1')] }),
      { kind: 'addresses' },
    ],
  ])('understands %s', (_what, bytes, expected) => {
    expect(readDnsAnswer(bytes, query)).toMatchObject(expected);
  });

  it.each([
    ['another id', response({ id: 0x1235 })],
    ['another name', response({ questions: [{ name: 'relay.example.evil', type: 'A' }] })],
    ['another type', response({ questions: [{ name: 'relay.example', type: 'AAAA' }] })],
    ['two questions', response({ questions: [...questions, ...questions] })],
    ['no question', response({ questions: [] })],
    ['a query', packet.encode({ type: 'query', id: 0x1234, questions })],
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.alloc(1)],
  ])('drops %s', (_what, bytes) => {
    expect(readDnsAnswer(bytes, query)).toBeUndefined();
  });

  it('takes nothing but addresses, whatever comes (mutated answers, and any bytes)', () => {
    const good = response({ answers: [cname('relay.example', 'b.example'), a('b.example', '203.0.113.1')] });
    const mutated = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 600 })), fc.nat(good.length), (bytes, cut) => {
        for (const given of [bytes, bytes.subarray(0, cut)]) {
          const answer = readDnsAnswer(given, query);
          if (answer?.kind === 'addresses') for (const ip of answer.addresses) expect(ip).toMatch(/^\d+(\.\d+){3}$/);
          if (answer?.kind === 'alias') expect(answer.target).toMatch(/^[\x21-\x7e]+$/);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
