import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transportAddress as at } from '@wirepath/stun-codec';
import { DnsQuestion, type DnsAsk } from '../../../src/base/names/dns-question.js';
import { answerFrom, type Zone } from './dns-fixtures.js';

let seed = 1;
const random = {
  bytes: (length: number) => Uint8Array.from({ length }, () => (seed = (seed * 48271) % 2147483647) % 256),
};
const SERVERS = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((ip) => at(ip, 53));

type Behaviour = Zone | 'silent' | 'refused' | 'no UDP';

/** Runs a question against servers that answer at once, until it has an outcome. */
function run(behaviours: readonly Behaviour[], { name = 'relay.example', tcpOnly = false, type = 'A' as const } = {}) {
  const servers = SERVERS.slice(0, behaviours.length);
  const question = new DnsQuestion({ name, type, servers, tcpOnly, budgetMs: 4000, random });
  const log: string[] = [];
  let now = 0;
  const carryOut = (asks: readonly DnsAsk[]): void => {
    for (const { server, over, bytes } of asks) {
      log.push(`${now} ${over} ${server}`);
      const behaviour = behaviours[server];
      if (behaviour === 'silent' || behaviour === undefined || (behaviour === 'no UDP' && over === 'udp')) continue;
      if (behaviour === 'refused') carryOut(question.failed(server, over, 'connection refused', now));
      else {
        const zone = behaviour === 'no UDP' ? { 'relay.example': { A: ['203.0.113.1'] } } : behaviour;
        const cut =
          over === 'tcp'
            ? Object.fromEntries(Object.entries(zone).map(([key, one]) => [key, { ...one, truncated: false }]))
            : zone;
        carryOut(question.answered(server, over, answerFrom(cut, bytes), now));
      }
    }
  };
  carryOut(question.start(0));
  for (let turn = 0; question.outcome === undefined && turn < 100; turn += 1) {
    now = question.nextTimeout() ?? NaN;
    carryOut(question.handleTimeout(now));
  }
  return { outcome: question.outcome, log, tookMs: now, question };
}

const KNOWS: Zone = { 'relay.example': { A: ['203.0.113.1'] } };

describe('one question to several DNS servers', () => {
  it('asks the first server, once, where that answers', () => {
    const { outcome, log } = run([KNOWS, KNOWS]);
    expect(outcome).toEqual({ kind: 'found', addresses: ['203.0.113.1'], ttlSeconds: 60, server: 0 });
    expect(log).toEqual(['0 udp 0']);
  });

  it('goes on to the next soon where the first is silent', () => {
    const { outcome, tookMs } = run(['silent', KNOWS]);
    expect(outcome).toMatchObject({ kind: 'found', server: 1 });
    expect(tookMs).toBe(300);
  });

  it.each<[string, Behaviour]>([
    ['refuses', 'refused'],
    ['fails', { 'relay.example': { rcode: 'SERVFAIL' } }],
  ])('goes on at once where the first %s', (_what, behaviour) => {
    const { outcome, tookMs } = run([behaviour, KNOWS]);
    expect(outcome).toMatchObject({ kind: 'found', server: 1 });
    expect(tookMs).toBe(0);
  });

  it('asks over TCP where UDP is silent, and sends again what may be lost', () => {
    const { outcome, log } = run(['no UDP']);
    expect(outcome).toMatchObject({ kind: 'found' });
    expect(log).toEqual(['0 udp 0', '700 udp 0', '1000 tcp 0']);
  });

  it('asks over TCP at once where the answer was cut short, and where nothing else is wanted', () => {
    const cut = { 'relay.example': { A: ['203.0.113.1'], truncated: true } };
    expect(run([cut])).toMatchObject({ outcome: { kind: 'found' }, log: ['0 udp 0', '0 tcp 0'] });
    expect(run([KNOWS], { tcpOnly: true }).log).toEqual(['0 tcp 0']);
  });

  it('hears the others before it believes that there is no such name, but not for long', () => {
    expect(run([{}, KNOWS]).outcome).toMatchObject({ kind: 'found', server: 1 });
    const { outcome, tookMs } = run([{}, 'silent']);
    expect(outcome).toMatchObject({ kind: 'nothing', reason: 'no such name', server: 0 });
    expect(tookMs).toBe(500);
  });

  it('follows aliases that the server leaves to it, and not for ever', () => {
    const zone = { 'relay.example': { CNAME: 'b.example' }, 'b.example': { A: ['203.0.113.7'] } };
    expect(run([zone]).outcome).toMatchObject({ kind: 'found', addresses: ['203.0.113.7'] });
    const round = { 'relay.example': { CNAME: 'b.example' }, 'b.example': { CNAME: 'relay.example' } };
    const { outcome, log } = run([round]);
    expect(outcome).toMatchObject({ kind: 'failed' });
    expect(log.length).toBeLessThanOrEqual(10);
  });

  it('says of each server why it was of no use', () => {
    const { outcome, tookMs } = run(['silent', 'refused', { 'relay.example': { rcode: 'REFUSED' } }]);
    expect(outcome).toEqual({
      kind: 'failed',
      reasons: new Map([
        [0, 'no answer'],
        [1, 'connection refused'],
        [2, 'REFUSED'],
      ]),
    });
    expect(tookMs).toBeLessThanOrEqual(4600);
  });

  it('ends in time, and asks no more than a few times, whatever comes from wherever', () => {
    const events = fc.array(
      fc.record({
        server: fc.integer({ min: -1, max: 4 }),
        over: fc.constantFrom<'udp' | 'tcp'>('udp', 'tcp'),
        bytes: fc.option(fc.uint8Array({ maxLength: 80 })),
        afterMs: fc.nat(400),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(events, (list) => {
        const question = new DnsQuestion({
          name: 'relay.example',
          type: 'AAAA',
          servers: SERVERS,
          tcpOnly: false,
          budgetMs: 4000,
          random,
        });
        let now = 0;
        let asked = question.start(now).length;
        for (const { server, over, bytes, afterMs } of list) {
          now += afterMs;
          asked += (
            bytes === null ? question.failed(server, over, 'gone', now) : question.answered(server, over, bytes, now)
          ).length;
          asked += question.handleTimeout(now).length;
        }
        for (let due = question.nextTimeout(); due !== undefined; due = question.nextTimeout()) {
          expect(due).toBeLessThanOrEqual(4600);
          now = Math.max(now, due);
          asked += question.handleTimeout(now).length;
        }
        expect(question.outcome?.kind).toBe('failed');
        expect(asked).toBeLessThanOrEqual(12);
      }),
    );
  });
});
