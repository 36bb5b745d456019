import { describe, expect, it } from 'vitest';
import { HandshakeAdmission } from '../../src/protocol/admission.js';
import {
  COOKIE_REFRESH_TIME_MS,
  UNDER_LOAD_AFTER_TIME_MS,
  HANDSHAKE_LOOKS_PER_SECOND,
} from '../../src/protocol/constants.js';
import { CookieChecker, CookieGenerator } from '../../src/protocol/cookie.js';
import { defaultAead } from '../../src/protocol/crypto-self-test.js';
import { decodeCookieReply, INITIATION_BYTES } from '../../src/protocol/messages.js';
import {
  PACKETS_BURST,
  PACKETS_PER_SECOND,
  RateLimiter,
  rateLimitGroup,
  rateLimitKey,
  SOURCES_MAX,
  SOURCES_PER_GROUP_MAX,
} from '../../src/protocol/rate-limiter.js';
import { pair, path, seededRandom } from './link.js';

const HERE = Uint8Array.of(192, 0, 2, 1, 1, 2);
const ELSEWHERE = Uint8Array.of(192, 0, 2, 2, 1, 2);

function sides(): { checker: CookieChecker; generator: CookieGenerator; message: () => Uint8Array } {
  const random = seededRandom('cookie');
  const publicKey = random(32);
  const aead = defaultAead();
  return {
    checker: new CookieChecker(aead, random, publicKey),
    generator: new CookieGenerator(aead, publicKey),
    message: () => Uint8Array.from(random(INITIATION_BYTES)),
  };
}

describe('macs and cookies', () => {
  it('mac1 proves that the sender knows our public key', () => {
    const { checker, generator, message } = sides();
    const datagram = message();
    expect(checker.hasValidMac1(datagram)).toBe(false);
    generator.addMacs(datagram, 0);
    expect(checker.hasValidMac1(datagram)).toBe(true);
    datagram[10] = (datagram[10] ?? 0) ^ 1;
    expect(checker.hasValidMac1(datagram)).toBe(false);
  });

  it('mac2 proves that the sender got our cookie at its address, until the secret changes', () => {
    const { checker, generator, message } = sides();
    const first = message();
    generator.addMacs(first, 0);
    expect(checker.hasValidMac2(first, HERE, 0)).toBe(false);
    const reply = decodeCookieReply(checker.createReply(first, HERE, 0))!;
    expect(generator.consumeReply(reply, 0)).toBe(true);

    const second = message();
    generator.addMacs(second, 1);
    expect(checker.hasValidMac2(second, HERE, 1)).toBe(true);
    expect(checker.hasValidMac2(second, ELSEWHERE, 1)).toBe(false);
    expect(checker.hasValidMac2(second, HERE, COOKIE_REFRESH_TIME_MS)).toBe(false);

    const late = message();
    generator.addMacs(late, COOKIE_REFRESH_TIME_MS);
    expect(late.subarray(-16).every((byte) => byte === 0)).toBe(true);
  });

  it('a cookie reply counts only for a message of ours, and only when it was not altered', () => {
    const { checker, generator, message } = sides();
    const sent = message();
    const other = message();
    generator.addMacs(sent, 0);
    expect(generator.consumeReply(decodeCookieReply(checker.createReply(other, HERE, 0))!, 0)).toBe(false);
    const reply = checker.createReply(sent, HERE, 0);
    reply[40] = (reply[40] ?? 0) ^ 1;
    expect(generator.consumeReply(decodeCookieReply(reply)!, 0)).toBe(false);
  });
});

describe('under load', () => {
  it('handshakes work with a cookie round trip, and data is not touched', () => {
    const { network, a, b } = pair({}, { underLoadHandshakesPerSecond: 0 });
    a.say(b, 'hello');
    network.run(50);
    expect(b.device.drops.cookie).toBe(1);
    expect(b.replies).toHaveLength(1);
    network.run(6_000);
    // The retransmission carries mac2; the response meets the same at our side, and so does its repetition.
    network.run(20_000);
    expect(b.heard()).toEqual(['hello']);
    expect(a.say(b, 'data')).toBe('sent');
  });

  it('begins with a rate and ends a second after it', () => {
    const { network, a, b } = pair({}, { underLoadHandshakesPerSecond: 5 });
    a.device.initiateHandshake(b.device.publicKey, network.now);
    const initiation = network.log[0]!.datagram;
    for (let i = 0; i < 5; i++) b.device.handleDatagram(Uint8Array.from(initiation), path('b', 'x'), network.now);
    expect(b.device.underLoad(network.now)).toBe(false);
    b.device.handleDatagram(Uint8Array.from(initiation), path('b', 'x'), network.now);
    expect(b.device.underLoad(network.now)).toBe(true);
    expect(b.replies).toHaveLength(1);
    expect(b.device.underLoad(network.now + UNDER_LOAD_AFTER_TIME_MS)).toBe(false);
  });

  it('a sender without our public key gets no answer at all', () => {
    const { network, a, b } = pair({}, { underLoadHandshakesPerSecond: 0 });
    a.device.initiateHandshake(b.device.publicKey, network.now);
    const initiation = Uint8Array.from(network.log[0]!.datagram);
    initiation[120] = (initiation[120] ?? 0) ^ 1;
    b.device.handleDatagram(initiation, path('b', 'x'), network.now);
    expect(b.replies).toEqual([]);
    expect(b.device.drops.mac1).toBe(1);
  });
});

describe('rate limiter', () => {
  it('lets a burst through, then the rate, per source', () => {
    const limiter = new RateLimiter();
    const allowed = (source: string, now: number, tries: number) =>
      Array.from({ length: tries }, () => limiter.allow(source, now)).filter(Boolean).length;
    expect(allowed('x', 0, 20)).toBe(PACKETS_BURST);
    expect(allowed('y', 0, 20)).toBe(PACKETS_BURST);
    expect(allowed('x', 1000 / PACKETS_PER_SECOND, 20)).toBe(1);
    expect(allowed('x', 10_000, 20)).toBe(PACKETS_BURST);
  });

  it('remembers a bounded number of sources, and forgets those that are silent', () => {
    const limiter = new RateLimiter();
    for (let i = 0; i < SOURCES_MAX; i++) expect(limiter.allow(`${i}`, i / 1000)).toBe(true);
    expect(limiter.allow('one more', 10)).toBe(false);
    expect(limiter.allow('one more', 1000)).toBe(true);
  });

  it('forgets the silent ones also when the oldest is not silent', () => {
    const limiter = new RateLimiter();
    for (let i = 0; i < SOURCES_MAX; i++) limiter.allow(`${i}`, 0);
    limiter.allow('0', 1000);
    expect(limiter.allow('one more', 1000)).toBe(true);
  });

  it('a source is an IPv4 address or an IPv6 /64, whatever the port', () => {
    expect(rateLimitKey(Uint8Array.of(1, 2, 3, 4, 5, 6))).toBe(rateLimitKey(Uint8Array.of(1, 2, 3, 4, 9, 9)));
    expect(rateLimitKey(Uint8Array.of(1, 2, 3, 5, 5, 6))).not.toBe(rateLimitKey(Uint8Array.of(1, 2, 3, 4, 5, 6)));
    const v6 = (low: number) => new Uint8Array(18).fill(7, 0, 8).fill(low, 8);
    expect(rateLimitKey(v6(1))).toBe(rateLimitKey(v6(2)));
  });

  it('one network fills only its share of the table, and its many sources then share one rate', () => {
    const limiter = new RateLimiter();
    const allowed = Array.from({ length: 4 * SOURCES_MAX }, (_, i) =>
      limiter.allow(`hostile ${i}`, i / 1000, 'theirs'),
    );
    expect(allowed.filter(Boolean).length).toBeLessThan(SOURCES_PER_GROUP_MAX + PACKETS_BURST + PACKETS_PER_SECOND);
    expect(limiter.allow('honest', 33, 'another')).toBe(true);
    // Silence brings the share back.
    expect(limiter.allow('hostile again', 1000, 'theirs')).toBe(true);
  });

  it('a group is an IPv4 /16 or an IPv6 /32', () => {
    expect(rateLimitGroup(Uint8Array.of(1, 2, 3, 4, 5, 6))).toBe(rateLimitGroup(Uint8Array.of(1, 2, 9, 9, 9, 9)));
    expect(rateLimitGroup(Uint8Array.of(1, 2, 3, 4, 5, 6))).not.toBe(rateLimitGroup(Uint8Array.of(1, 3, 3, 4, 5, 6)));
    const v6 = (low: number) => new Uint8Array(18).fill(7, 0, 4).fill(low, 4);
    expect(rateLimitGroup(v6(1))).toBe(rateLimitGroup(v6(2)));
  });
});

describe('a flood of initiations from forged sources, by one who knows our public key', () => {
  it('costs public-key work for a bounded number, fills no table, and honest peers shake hands meanwhile', () => {
    const admission = new HandshakeAdmission(250);
    const { checker, generator, message } = sides();
    const forged = message();
    generator.addMacs(forged, 0);
    const source = (i: number) => Uint8Array.of(10, i >> 16, (i >> 8) & 255, i & 255, 1, 2);
    let admitted = 0;
    const flood = (from: number, to: number) => {
      for (let ms = from; ms < to; ms++) {
        for (let i = 0; i < 20; i++)
          if (admission.admit(checker, forged, () => source(ms * 20 + i), ms) === 'admitted') admitted++;
      }
    };
    flood(0, 5000);
    expect(admitted).toBeLessThanOrEqual(250);

    // Honest: the first is answered with a cookie, the repetition gets in.
    const first = message();
    generator.addMacs(first, 5000);
    expect(admission.admit(checker, first, () => HERE, 5000)).toBe('cookie');
    expect(generator.consumeReply(decodeCookieReply(checker.createReply(first, HERE, 5000))!, 5000)).toBe(true);
    flood(5000, 10_000);
    const second = message();
    generator.addMacs(second, 10_000);
    expect(admission.admit(checker, second, () => HERE, 10_000)).toBe('admitted');
    expect(admitted).toBeLessThanOrEqual(250);
  });

  it('is not even looked at beyond a rate, while who has a cookie, or answers us, has a share of its own', () => {
    const admission = new HandshakeAdmission(250);
    const { checker, generator, message } = sides();
    const looked = { checks: 0 };
    const counting = new Proxy(checker, {
      get: (target, name) => {
        if (name === 'hasValidMac1') looked.checks++;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const forged = message();
    forged.set([1, 0, 0, 0]);
    generator.addMacs(forged, 0);
    for (let i = 0; i < 100_000; i++) admission.admit(counting, forged, () => HERE, 1000 + i / 100);
    // A second's share that was there, and that of the second that it took.
    expect(looked.checks).toBeLessThanOrEqual(2 * HANDSHAKE_LOOKS_PER_SECOND + 1);
    for (let i = 0; i < 10; i++) admission.admit(counting, forged, () => HERE, 2000);
    const view = new DataView(forged.buffer, forged.byteOffset, forged.byteLength);
    expect(admission.isWanted(view, 0, forged.length, 2000)).toBe(false);
    expect(admission.isWanted(view, 0, forged.length - 1, 2000)).toBe(true);
    expect(admission.admit(counting, forged, () => HERE, 2000)).toBe('overload');
    expect(admission.admit(counting, forged, () => HERE, 2000, true)).toBe('cookie');
    expect(generator.consumeReply(decodeCookieReply(checker.createReply(forged, HERE, 2000))!, 2000)).toBe(true);
    const proven = message();
    generator.addMacs(proven, 2000);
    expect(admission.admit(counting, proven, () => HERE, 2000)).toBe('admitted');
  });
});
