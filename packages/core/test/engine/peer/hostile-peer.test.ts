import { formatAddress, transportAddress, type TransportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import { candidatePriority, type CandidateType } from '../../../src/contracts/candidate.js';
import type { NatBehavior } from '../../../src/contracts/nat-behavior.js';
import type { EngineEffect } from '../../../src/engine/effects.js';
import type { LocalBase } from '../../../src/engine/engine-path.js';
import { EXTRA_BASES, GUESSES } from '../../../src/engine/hard-nat/hard-nat-attempt.js';
import type { CallMessage, SignalledCandidate } from '../../../src/engine/messages.js';
import { PathEngine } from '../../../src/engine/path-engine.js';
import { PEER_PERMISSION_BURST, PEER_PERMISSIONS_PER_SECOND } from '../../../src/engine/pairs/relay-permissions.js';
import { PEER_CHECK_BURST, PEER_CHECKS_PER_SECOND } from '../../../src/engine/timings.js';
import { seededRandom } from '../two-engines.js';

const PEER = 'peer';
const udp4 = { id: 'udp4', family: 4, kind: 'socket' } as const;
const udp6 = { id: 'udp6', family: 6, kind: 'socket' } as const;
const relay = { id: 'relay', family: 4, kind: 'allocation' } as const;

const candidate = (type: CandidateType, ip: string, port = 40000): SignalledCandidate => ({
  type,
  address: transportAddress(ip, port),
  priority: candidatePriority(type, 1),
});

const HARD = { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' } as const;
const EASY = { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' } as const;

/** A node whose one peer is configured, authenticated and hostile: what it says is checked for where it makes us send. */
class Victim {
  now = 0;
  readonly effects: EngineEffect[] = [];
  readonly engine: PathEngine;
  #revision = 0;

  constructor(
    options: {
      own?: readonly SignalledCandidate[];
      bases?: readonly LocalBase[];
      natBehavior?: NatBehavior;
    } = {},
  ) {
    const { own = [candidate('host', '192.0.2.1', 51820)], bases = [udp4, udp6, relay], natBehavior = EASY } = options;
    this.engine = new PathEngine({
      ownKey: 'own',
      holePunchTimeoutMs: 15_000,
      maxCandidatePairs: 10,
      random: seededRandom(3),
    });
    this.handle({ type: 'own-network', contains: ({ ip }) => ip.startsWith('10.77.0.') });
    this.handle({
      type: 'local-description',
      description: { bases, candidates: own, natBehavior },
      newGeneration: false,
    });
    this.handle({ type: 'signaling-state', up: true });
    this.handle({ type: 'peer-added', peer: PEER, keepaliveMs: 25_000 });
  }

  handle(event: Parameters<PathEngine['handle']>[0]): void {
    this.#perform(this.engine.handle(event, this.now));
  }

  /** The peer calls. */
  says(candidates: readonly SignalledCandidate[], changes: Partial<CallMessage> = {}): void {
    this.#revision += 1;
    const message: CallMessage = {
      runId: 'ab'.repeat(8),
      generation: 0,
      revision: this.#revision,
      ufrag: 'ufrag',
      password: 'password',
      candidates,
      natBehavior: { mapping: null, filtering: null },
      call: true,
      seen: null,
      asksForEvidence: false,
      evidence: null,
      ...changes,
    };
    this.handle({ type: 'message', peer: PEER, message });
  }

  /** An authenticated check comes in. */
  isChecked(from: TransportAddress, candidateType: CandidateType = 'host', baseId = 'udp4'): void {
    this.handle({
      type: 'check',
      peer: PEER,
      path: { baseId, remote: from },
      transactionId: new Uint8Array(12),
      priority: 2 ** 31,
      candidateType,
      useCandidate: true,
    });
  }

  run(durationMs: number): void {
    const until = this.now + durationMs;
    for (let at = this.engine.nextTimeout(); at !== undefined && at <= until; at = this.engine.nextTimeout()) {
      this.now = Math.max(this.now, at);
      this.#perform(this.engine.handleTimeout(this.now));
    }
    this.now = until;
  }

  /** Where checks went, or the relay was to let them. */
  get targets(): string[] {
    const aimed = this.effects.filter(({ type }) => type === 'send-check' || type === 'permit');
    return aimed.map((effect) => ('path' in effect ? formatAddress(effect.path.remote) : ''));
  }

  get distinctTargets(): Set<string> {
    return new Set(this.targets);
  }

  count(type: EngineEffect['type']): number {
    return this.effects.filter((effect) => effect.type === type).length;
  }

  get rejections(): Record<string, string> {
    const list = this.engine.pairsView(PEER)?.rejections ?? [];
    return Object.fromEntries(list.map(({ remote, reason }) => [remote.address.ip, reason]));
  }

  #perform(effects: readonly EngineEffect[]): void {
    this.effects.push(...effects);
    for (const effect of effects) {
      if (effect.type === 'permit') this.handle({ type: 'permitted', peer: PEER, path: effect.path, error: undefined });
      if (effect.type === 'open-bases') {
        const bases = Array.from({ length: effect.count }, (_, i) => ({ ...udp4, id: `extra${String(i)}` }));
        this.handle({ type: 'bases-opened', peer: PEER, bases });
      }
    }
  }
}

const REFUSED = [
  '0.0.0.0',
  '0.1.2.3',
  '127.0.0.1',
  '127.1.2.3',
  '169.254.1.1',
  '224.0.0.251',
  '255.255.255.255',
  '240.0.0.1',
  '::',
  '::1',
  'fe80::1',
  'fe80::1%eth0',
  '2001:db8::1%eth0',
  'ff02::1',
  // The same, wrapped; and our own address and tunnel, wrapped.
  '::ffff:127.0.0.1',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '2002:a9fe:101::1',
  '2001:0:1:2::80ff:fffe',
  '64:ff9b::e000:fb',
  '64:ff9b::a4d:1',
];

describe('an address that a peer names', () => {
  it.each(['host', 'server-reflexive', 'relayed'] as const)('draws no check where it is refused: as %s', (type) => {
    for (const ip of REFUSED) {
      const victim = new Victim();
      victim.says([candidate(type, ip), candidate('host', '198.51.100.7', 0)]);
      victim.run(20_000);
      expect(victim.targets, ip).toEqual([]);
      expect(Object.keys(victim.rejections), ip).toHaveLength(2);
    }
  });

  it('draws none either where a check came from it', () => {
    for (const ip of REFUSED.filter((one) => !one.startsWith('::ffff'))) {
      const victim = new Victim();
      victim.says([]);
      const address = transportAddress(ip, 40000);
      victim.isChecked(address, 'relayed', address.family === 4 ? 'udp4' : 'udp6');
      victim.run(20_000);
      expect(victim.targets, ip).toEqual([]);
    }
  });

  it('is our own in whatever wrapping', () => {
    const victim = new Victim();
    victim.says(['192.0.2.1', '64:ff9b::c000:201', '2002:c000:201::5'].map((ip) => candidate('host', ip, 51820)));
    victim.run(20_000);
    expect(victim.targets).toEqual([]);
    expect(new Set(Object.values(victim.rejections))).toEqual(new Set(['an address of our own']));
  });

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['169.254.1.1', '169.254.7.7'],
  ])('of the scope of %s is checked where we offer one ourselves: same machine, same link', (own, theirs) => {
    const victim = new Victim({ own: [candidate('host', own, 51820)] });
    victim.says([candidate('host', theirs)]);
    victim.run(1000);
    expect(victim.distinctTargets).toEqual(new Set([`${theirs}:40000`]));
  });
});

const claimed = (type: CandidateType, from = 0) =>
  Array.from({ length: 32 }, (_, i) =>
    candidate(type, `198.51.${String(100 + ((from + i) >> 8))}.${String((from + i) & 255)}`),
  );

describe('no claimed type escapes the limit of pairs', () => {
  it.each([
    ['host', 10],
    ['server-reflexive', 10],
    ['relayed', 4],
    ['peer-reflexive', 0],
  ] as const)('32 candidates claimed to be %s: checks go to %i from our sockets', (type, most) => {
    const victim = new Victim({ bases: [udp4, udp6] });
    victim.says(claimed(type));
    victim.run(20_000);
    expect(victim.distinctTargets.size).toBe(most);
    expect(Object.keys(victim.rejections)).toHaveLength(32 - most);
  });

  it('all types at once, through a relay of ours too', () => {
    const victim = new Victim();
    const types = ['host', 'server-reflexive', 'relayed', 'peer-reflexive'] as const;
    victim.says(claimed('host').map((one, i) => ({ ...one, type: types[i % 4] ?? 'host' })));
    victim.run(20_000);
    expect(victim.engine.view(PEER)?.pairs.count).toBeLessThanOrEqual(10 + 1 + 4 + 16);
    expect(victim.count('permit')).toBeLessThanOrEqual(16);
  });

  it.each([
    ['host', 'udp4'],
    ['relayed', 'udp4'],
    ['host', 'relay'],
    ['relayed', 'relay'],
  ] as const)('checks from ever new sources, as %s on %s, make few pairs and few checks', (type, baseId) => {
    const victim = new Victim();
    victim.says([]);
    for (let i = 0; i < 5000; i += 1) {
      victim.isChecked(transportAddress(`203.0.113.${String(i & 255)}`, 1024 + i), type, baseId);
      victim.run(10);
    }
    // 16 candidates, from the socket and through the relay.
    expect(victim.engine.view(PEER)?.pairs.count).toBeLessThanOrEqual(32);
    // 8 and one in ten seconds; or 16 and one a second, through the relay.
    expect(victim.distinctTargets.size).toBeLessThanOrEqual(baseId === 'relay' ? 16 + 51 : 8 + 6);
    expect(victim.count('send-check')).toBeLessThanOrEqual(PEER_CHECK_BURST + 50 * PEER_CHECKS_PER_SECOND);
  });

  it('new candidates, generations and runs without end draw on one budget of checks and of permissions', () => {
    const victim = new Victim();
    const durationMs = 120_000;
    for (let i = 0; victim.now < durationMs; i += 1) {
      const runId = String(i % 7).repeat(16);
      victim.says(claimed(i % 2 === 0 ? 'host' : 'server-reflexive', 32 * (i % 200)), { runId, generation: i });
      for (let j = 0; j < 8; j += 1) victim.isChecked(transportAddress(`203.0.113.${String(j)}`, 1024 + (i % 60_000)));
      victim.run(100);
    }
    const seconds = durationMs / 1000;
    expect(victim.count('send-check')).toBeLessThanOrEqual(PEER_CHECK_BURST + seconds * PEER_CHECKS_PER_SECOND);
    expect(victim.count('permit')).toBeLessThanOrEqual(
      PEER_PERMISSION_BURST + seconds * PEER_PERMISSIONS_PER_SECOND + 1,
    );
    expect(victim.engine.view(PEER)?.pairs.count).toBeLessThan(80);
  });
});

describe('a peer that claims a hard NAT', () => {
  const third = candidate('server-reflexive', '203.0.113.9');
  const hourOf = (victim: Victim, natBehavior: typeof EASY | typeof HARD) => {
    for (let minute = 0; minute < 60; minute += 1) {
      for (let second = 0; second < 60; second += 20) {
        victim.says([third], { natBehavior });
        victim.run(20_000);
      }
    }
  };
  const attempts = 2 + 6;

  it('has few ports of an address guessed that has never answered', () => {
    const victim = new Victim({ bases: [udp4] });
    hourOf(victim, HARD);
    expect(victim.distinctTargets.size).toBeGreaterThan(GUESSES);
    const ordinary = PEER_CHECK_BURST + 3600 * PEER_CHECKS_PER_SECOND;
    expect(victim.distinctTargets.size).toBeLessThanOrEqual(attempts * GUESSES + 1);
    expect(victim.count('send-check')).toBeLessThan(attempts * GUESSES + ordinary);
  });

  it('has few sockets opened toward it', () => {
    const victim = new Victim({ bases: [udp4], natBehavior: HARD });
    hourOf(victim, EASY);
    expect(victim.count('open-bases')).toBeGreaterThan(0);
    expect(victim.count('open-bases')).toBeLessThanOrEqual(attempts);
    expect(EXTRA_BASES * victim.count('open-bases')).toBeLessThanOrEqual(2048);
  });
});
