import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REKEY_AFTER_TIME_MS } from '../../src/protocol/constants.js';
import { connectedPair, pair, type Network, type Node } from './link.js';

const INITIATION = 1;
const RESPONSE = 2;

function initiateBoth(a: Node, b: Node, network: Network): void {
  a.device.initiateHandshake(b.device.publicKey, network.now);
  b.device.initiateHandshake(a.device.publicKey, network.now);
}

/** Data must pass both ways at once: within one trip, without another handshake. */
function expectTalking(a: Node, b: Node, network: Network): void {
  const before = [a.heard().length, b.heard().length] as const;
  expect(a.say(b, 'ping')).toBe('sent');
  expect(b.say(a, 'pong')).toBe('sent');
  network.run(50);
  expect(b.heard().slice(before[1])).toEqual(['ping']);
  expect(a.heard().slice(before[0])).toEqual(['pong']);
}

/** After the rekey time, which of the two feels responsible? Exactly one must. */
function rekeyers(a: Node, b: Node, network: Network): string[] {
  network.run(REKEY_AFTER_TIME_MS - 5_000);
  const from = network.log.length;
  // A slow network, so that the one's initiation does not answer the other's wish.
  network.policy = () => [3000];
  for (let i = 0; i < 20; i++) {
    a.say(b, 'tick');
    b.say(a, 'tock');
    network.run(500);
  }
  const initiators = network.log.slice(from).filter(({ datagram }) => datagram[0] === INITIATION);
  return [...new Set(initiators.map(({ from: name }) => name))];
}

describe('crossing initiations', () => {
  it.each([
    { order: 'all at the same time', delays: () => 10 },
    { order: 'initiations late at b', delays: (from: string, type: number) => (from === 'a' && type === 1 ? 15 : 10) },
    { order: 'initiations late at a', delays: (from: string, type: number) => (from === 'b' && type === 1 ? 15 : 10) },
    { order: 'responses late at a', delays: (from: string, type: number) => (from === 'b' && type === 2 ? 25 : 10) },
    { order: 'responses late at b', delays: (from: string, type: number) => (from === 'a' && type === 2 ? 25 : 10) },
    {
      order: 'data overtakes the response to a',
      delays: (from: string, type: number) => (from === 'b' && type === 2 ? 45 : 10),
    },
    {
      order: 'data overtakes the response to b',
      delays: (from: string, type: number) => (from === 'a' && type === 2 ? 45 : 10),
    },
  ])('$order: both talk, one rekeys', ({ delays }) => {
    const { network, a, b } = pair();
    network.policy = (datagram, from) => [delays(from.name, datagram[0] ?? 0)];
    initiateBoth(a, b, network);
    network.run(35);
    expectTalking(a, b, network);
    network.run(100);
    expectTalking(a, b, network);
    expect(network.log.filter(({ datagram }) => datagram[0] === INITIATION)).toHaveLength(2);
    expect(rekeyers(a, b, network)).toHaveLength(1);
  });

  it.each([
    { lost: 'the initiation of a', from: 'a', type: INITIATION },
    { lost: 'the initiation of b', from: 'b', type: INITIATION },
    { lost: 'the response of a', from: 'a', type: RESPONSE },
    { lost: 'the response of b', from: 'b', type: RESPONSE },
  ])('$lost is lost: the other handshake serves both', ({ from: loser, type }) => {
    const { network, a, b } = pair();
    network.policy = (datagram, from) => (from.name === loser && datagram[0] === type ? [] : [10]);
    initiateBoth(a, b, network);
    network.run(35);
    expectTalking(a, b, network);
    network.policy = () => [10];
    network.run(10_000);
    // Nobody goes on asking.
    expect(network.log.filter(({ datagram }) => datagram[0] === INITIATION)).toHaveLength(2);
    expect(rekeyers(a, b, network)).toHaveLength(1);
  });

  it('both responses lost: a retransmission brings it up', () => {
    const { network, a, b } = pair();
    network.policy = (datagram) => (datagram[0] === RESPONSE && network.now < 2_000 ? [] : [10]);
    initiateBoth(a, b, network);
    network.run(6_000);
    expectTalking(a, b, network);
  });

  it('crossing rekeys under traffic lose nothing, even when datagrams overtake each other', () => {
    const { network, a, b } = connectedPair();
    let turn = 0;
    network.policy = () => [10 + ((turn++ * 7) % 25)];
    const sent: string[] = [];
    for (let i = 0; i < 200; i++) {
      if (i === 50 || i === 120) network.run(5_000);
      if (i === 50 || i === 120) initiateBoth(a, b, network);
      sent.push(`${i}`);
      expect(a.say(b, `${i}`)).toBe('sent');
      expect(b.say(a, `${i}`)).toBe('sent');
      network.run(2);
    }
    network.run(100);
    const byNumber = (texts: string[]) => texts.sort((x, y) => Number(x) - Number(y));
    expect(byNumber(b.heard().filter((text) => text !== 'hello'))).toEqual(sent);
    expect(byNumber(a.heard())).toEqual(sent);
  });

  it(
    'whatever is lost, delayed, doubled: once the network is clean, both talk as soon as WireGuard can notice',
    { timeout: 30_000 },
    () => {
      fc.assert(
        fc.property(
          fc.array(fc.oneof(fc.constant<number[]>([]), fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 2 })), {
            minLength: 1,
            maxLength: 30,
          }),
          fc.array(
            fc.record({
              who: fc.boolean(),
              wait: fc.integer({ min: 0, max: 300 }),
              act: fc.constantFrom('initiate', 'force', 'say'),
            }),
            { minLength: 1, maxLength: 12 },
          ),
          (fates, steps) => {
            const { network, a, b } = pair();
            let next = 0;
            network.policy = () => fates[next++ % fates.length] ?? [];
            for (const { who, wait, act } of steps) {
              const [one, other] = who ? [a, b] : [b, a];
              if (act === 'say') one.say(other, 'early');
              else one.device.initiateHandshake(other.device.publicKey, network.now, { force: act === 'force' });
              network.run(wait);
            }
            network.policy = () => [10];
            network.run(500);
            a.say(b, 'x');
            b.say(a, 'y');
            // KEEPALIVE_TIMEOUT + REKEY_TIMEOUT without an answer, one lost initiation, and jitter.
            network.run(22_000);
            a.say(b, 'final');
            b.say(a, 'final');
            network.run(100);
            expect(a.heard()).toContain('final');
            expect(b.heard()).toContain('final');
          },
        ),
        { numRuns: 60 },
      );
    },
  );
});

describe('repeated initiations after a path change', () => {
  it('the first answer counts, also when the later initiation is lost', () => {
    const { network, a, b } = pair();
    network.policy = (datagram, from) =>
      from.name === 'a' && datagram[0] === INITIATION && network.now > 1_000 ? [] : [60];
    a.device.initiateHandshake(b.device.publicKey, network.now);
    network.run(50);
    a.device.initiateHandshake(b.device.publicKey, network.now, { force: true });
    network.run(80);
    expect(a.handshakes).toHaveLength(1);
    network.run(60);
    expectTalkingSlowly(a, b, network);
    // An answer on that session ends the wait for the later one.
    network.run(10_000);
    expect(a.peer(b).counters.initiationsSent).toBe(2);
  });

  it('both answered: the later session is used in the end, and nothing is lost between', () => {
    const { network, a, b } = pair();
    network.policy = () => [60];
    a.device.initiateHandshake(b.device.publicKey, network.now);
    network.run(50);
    a.device.initiateHandshake(b.device.publicKey, network.now, { force: true });
    a.say(b, 'early');
    for (let i = 0; i < 20; i++) {
      network.run(10);
      a.say(b, `${i}`);
    }
    network.run(200);
    expect(b.heard()).toEqual(['early', ...Array.from({ length: 20 }, (_, i) => `${i}`)]);
    expect(a.handshakes).toHaveLength(2);
  });

  function expectTalkingSlowly(a: Node, b: Node, network: Network): void {
    a.say(b, 'ping');
    b.say(a, 'pong');
    network.run(130);
    expect(b.heard()).toContain('ping');
    expect(a.heard()).toContain('pong');
  }
});
