import { formatAddress, transportAddress, type TransportAddress } from '@wirepath/stun-codec';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { EdgeGuard } from '../../../src/base/guard/edge-guard.js';
import { createIdentity } from '../../../src/base/identity/create-identity.js';
import type { Identity } from '../../../src/base/identity/identity.js';
import { silentLogger } from '../../../src/base/logging/memory-logger.js';
import { FakeClock } from '../../../src/base/time/fake-clock.js';
import type { Base } from '../../../src/contracts/candidate-base.js';
import type { DatagramListener, Datagrams } from '../../../src/contracts/datagrams.js';
import {
  encodePart,
  openPart,
  partsOf,
  readRecall,
  RecallAssembly,
} from '../../../src/shell/remembered/recall-codec.js';
import { recallCredential, recallKey } from '../../../src/shell/remembered/recall-keys.js';
import { RecallSignaling } from '../../../src/shell/remembered/recall-signaling.js';
import { RememberedPeers } from '../../../src/shell/remembered/remembered-peers.js';

const identityOf = (seed: number) => createIdentity(new Uint8Array(32).fill(seed));
const ALICE = identityOf(1);
const BOB = identityOf(2);
const HOUR_MS = 3_600_000;

/** Nodes behind NATs that keep ports and let in only whom the node has sent to. */
class Filtered {
  readonly seen: { from: string; to: string; bytes: Buffer; atMs: number }[] = [];
  readonly #listeners = new Map<string, Set<DatagramListener>>();
  readonly #opened = new Set<string>();

  constructor(readonly clock: FakeClock) {}

  datagrams(own: TransportAddress): Datagrams {
    const from = formatAddress(own);
    const base: Base = { id: 'udp4', family: 4, port: own.port, shared: true };
    const listeners = new Set<DatagramListener>();
    this.#listeners.set(from, listeners);
    const never = () => {
      throw new Error('not asked for');
    };
    return {
      bases: [base],
      openBase: never,
      closeBase: never,
      receive: never,
      onDatagram: (listener) => {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
      send: ({ remote }, bytes) => {
        const to = formatAddress(remote);
        this.seen.push({ from, to, bytes: Buffer.from(bytes), atMs: this.clock.now() });
        this.#opened.add(`${from} ${to}`);
        this.clock.setTimeout(() => this.deliver(own, remote, bytes), 10);
      },
    };
  }

  deliver(from: TransportAddress, to: TransportAddress, bytes: Uint8Array, { isLetIn = false } = {}): boolean[] {
    if (!isLetIn && !this.#opened.has(`${formatAddress(to)} ${formatAddress(from)}`)) return [];
    const base: Base = { id: 'udp4', family: 4, port: to.port, shared: true };
    const listeners = [...(this.#listeners.get(formatAddress(to)) ?? [])];
    return listeners.map((listener) => listener({ path: { kind: 'socket', base, remote: from }, bytes }) === true);
  }
}

class Node {
  readonly received: string[] = [];
  readonly found: string[] = [];
  readonly signaling: RecallSignaling;
  isConnected = false;
  othersUp = false;

  constructor(
    identity: Identity,
    at: TransportAddress,
    network: Filtered,
    remembered: readonly [Identity, TransportAddress][],
  ) {
    const { clock } = network;
    const logger = silentLogger();
    const peers = new RememberedPeers(identity.publicKey);
    for (const [peer, address] of remembered) peers.set(peer.publicKey, [address], clock.unixMs());
    const datagrams = network.datagrams(at);
    let drawn = 0;
    this.signaling = new RecallSignaling({
      identity,
      clock,
      random: {
        bytes: (length) =>
          createHash('shake256', { outputLength: length }).update(`${identity.publicKey} ${drawn++}`).digest(),
      },
      guard: EdgeGuard.create('recall', { logger, clock }),
      remembered: peers,
      datagrams: () => datagrams,
      isConnected: () => this.isConnected,
      othersUp: () => this.othersUp,
    });
    this.signaling.onMessage(({ sealed }) => this.received.push(Buffer.from(sealed).toString()));
    this.signaling.onFound(({ address }) => this.found.push(formatAddress(address)));
  }

  start(): Promise<void> {
    return this.signaling.start({ signal: new AbortController().signal });
  }

  call(peer: Identity, text: string): void {
    this.signaling.publish(peer.publicKey, Buffer.from(text));
  }
}

const AT_A = transportAddress('192.0.2.1', 51_820);
const AT_B = transportAddress('192.0.2.2', 51_820);
const STRANGER = transportAddress('203.0.113.66', 6666);

function pair() {
  const clock = new FakeClock();
  const network = new Filtered(clock);
  const a = new Node(ALICE, AT_A, network, [[BOB, AT_B]]);
  const b = new Node(BOB, AT_B, network, [[ALICE, AT_A]]);
  return { clock, network, a, b };
}

describe('recalling a peer', () => {
  it('opens both NATs, and carries each message once, of many parts too', async () => {
    const { clock, a, b } = pair();
    await Promise.all([a.start(), b.start()]);
    const long = 'x'.repeat(6193);
    a.call(BOB, long);
    await clock.advance(500);
    b.call(ALICE, 'from b');
    await clock.advance(30_000);
    expect([a.received, b.received]).toEqual([['from b'], [long]]);
    expect([a.found, b.found]).toEqual([[formatAddress(AT_B)], [formatAddress(AT_A)]]);
    await Promise.all([a.signaling.stop(), b.signaling.stop()]);
  });

  it('is at it every 20 s for as long as any NAT remembers, then every minute, and ends with the connection', async () => {
    const { clock, network, a } = pair();
    await a.start();
    a.call(BOB, 'are you there');
    await clock.advance(600_000);
    const gaps = network.seen.map(({ atMs }, at) => atMs - (network.seen[at - 1]?.atMs ?? atMs));
    expect(Math.max(...gaps)).toBeLessThan(28_000);
    await clock.advance(2 * HOUR_MS);
    const { length } = network.seen;
    await clock.advance(HOUR_MS);
    expect(network.seen.length - length).toBeLessThanOrEqual(75);
    a.isConnected = true;
    await clock.advance(100_000);
    const ended = network.seen.length;
    await clock.advance(HOUR_MS);
    expect(network.seen.length).toBe(ended);
    await a.signaling.stop();
  });

  it('leaves it to a server that is up for some seconds, and then helps', async () => {
    const { clock, network, a } = pair();
    await a.start();
    a.othersUp = true;
    a.call(BOB, 'one');
    await clock.advance(2900);
    expect(network.seen).toEqual([]);
    await clock.advance(200);
    expect(network.seen.length).toBeGreaterThan(0);
    await a.signaling.stop();
  });

  it('works over an hour’s end, with clocks of two hours', async () => {
    const { clock, a, b } = pair();
    await Promise.all([a.start(), b.start()]);
    a.call(BOB, 'from a');
    await clock.advance(3 * HOUR_MS);
    b.call(ALICE, 'from b');
    await clock.advance(100_000);
    expect([a.received, b.received]).toEqual([['from b'], ['from a']]);
    await Promise.all([a.signaling.stop(), b.signaling.stop()]);
  });

  it('is down with nobody to recall, and sends nothing to whoever is not remembered', async () => {
    const clock = new FakeClock();
    const network = new Filtered(clock);
    const nobody = new Node(ALICE, AT_A, network, []);
    const other = new Node(BOB, AT_B, network, [[identityOf(3), AT_A]]);
    await Promise.all([nobody.start(), other.start()]);
    expect([nobody, other].map(({ signaling }) => signaling.states()[0]?.state)).toEqual(['down', 'up']);
    nobody.call(BOB, 'x');
    other.call(ALICE, 'x');
    await clock.advance(60_000);
    expect(network.seen).toEqual([]);
    await Promise.all([nobody.signaling.stop(), other.signaling.stop()]);
  });
});

describe('strangers', () => {
  it('who repeat what they recorded get one copy of what waits, and no message through', async () => {
    const { clock, network, a, b } = pair();
    await Promise.all([a.start(), b.start()]);
    a.call(BOB, 'from a');
    b.call(ALICE, 'from b');
    await clock.advance(1000);
    const recorded = network.seen.filter(({ to }) => to === formatAddress(AT_B));
    for (let turn = 0; turn < 50; turn += 1)
      for (const { bytes } of recorded) network.deliver(STRANGER, AT_B, bytes, { isLetIn: true });
    expect(network.seen.filter(({ to }) => to === formatAddress(STRANGER))).toHaveLength(1);
    expect(b.received).toEqual(['from a']);
    await Promise.all([a.signaling.stop(), b.signaling.stop()]);
  });

  it('who change anything are counted, or left to others', async () => {
    const { clock, network, a, b } = pair();
    await Promise.all([a.start(), b.start()]);
    b.call(ALICE, 'from b');
    a.call(BOB, 'from a');
    await clock.advance(5);
    const { bytes } = network.seen.find(({ to }) => to === formatAddress(AT_B)) ?? { bytes: Buffer.alloc(0) };
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ change;
        network.deliver(AT_A, AT_B, changed, { isLetIn: true });
        expect(b.received).toEqual([]);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1400 }), (any) => {
        expect(network.deliver(AT_A, AT_B, any, { isLetIn: true })).toEqual([false]);
        const indication = Buffer.concat([Uint8Array.of(0, 0x11), any]);
        expect(network.deliver(AT_A, AT_B, indication, { isLetIn: true })).toEqual([false]);
      }),
    );
    await Promise.all([a.signaling.stop(), b.signaling.stop()]);
  });

  it('see other credentials in each direction and hour', () => {
    const secret = ALICE.agree(Buffer.from(BOB.publicKey, 'base64')) ?? new Uint8Array();
    const keys = [recallKey(secret, ALICE.publicKey, BOB.publicKey), recallKey(secret, BOB.publicKey, ALICE.publicKey)];
    const credentials = keys.flatMap((key) => [1, 2].map((slot) => recallCredential(key, slot)));
    expect(new Set(credentials.flatMap(({ username, password }) => [username, password])).size).toBe(8);
  });
});

it('parts make the message that was cut, in any order', () => {
  const credential = { username: 'u', password: 'p' };
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 8192, size: 'max' }), fc.boolean(), (sealed, isReversed) => {
      const parts = partsOf(sealed, 7) ?? [];
      const assembly = new RecallAssembly();
      const whole = (isReversed ? parts.reverse() : parts).flatMap((part) => {
        const read = readRecall(encodePart(part, credential, new Uint8Array(12)));
        const opened = read && openPart(read.stun, credential);
        return (opened && assembly.take(opened)) ?? [];
      });
      expect(Buffer.from(whole[0] ?? []).equals(Buffer.from(sealed))).toBe(true);
    }),
    { numRuns: 30 },
  );
  expect(partsOf(new Uint8Array(8193), 7)).toBeUndefined();
  expect(partsOf(new Uint8Array(0), 7)).toBeUndefined();
});
