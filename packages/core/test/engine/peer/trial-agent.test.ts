import { formatAddress, transportAddress, type TransportAddress } from '@wirepath/stun-codec';
import { describe, expect, it } from 'vitest';
import type { EngineEffect } from '../../../src/engine/effects.js';
import type { EngineEvent } from '../../../src/engine/events.js';
import type { CallMessage, SignalledCandidate } from '../../../src/engine/messages.js';
import { PathEngine } from '../../../src/engine/path-engine.js';

const PEER = 'b';
const PRIVATE = transportAddress('192.168.1.2', 51820);
const PUBLIC = transportAddress('198.51.100.7', 40312);
const RELAYED = transportAddress('203.0.113.10', 50000);
const ELSEWHERE = transportAddress('198.51.100.8', 40000);

const CANDIDATES: readonly SignalledCandidate[] = [
  { type: 'server-reflexive', address: PUBLIC, priority: 1 },
  { type: 'host', address: PRIVATE, priority: 2 },
  { type: 'relayed', address: RELAYED, priority: 0 },
];

/** A device's engine at a moment of its own, and what it has wanted done since that was last asked. */
class Device {
  readonly engine: PathEngine;
  now = 0;
  #wanted: EngineEffect[] = [];

  constructor({ maxCandidatePairs = 10 } = {}) {
    this.engine = new PathEngine({
      ownKey: 'a',
      random: (length) => new Uint8Array(length).fill(128),
      holePunchTimeoutMs: 15_000,
      maxCandidatePairs,
      means: 'trials',
    });
    const base = { id: 'device4', family: 4, kind: 'socket' } as const;
    const description = { bases: [base], candidates: [], natBehavior: { mapping: null, filtering: null } };
    this.do({ type: 'local-description', description, newGeneration: true });
    this.do({ type: 'signaling-state', up: true });
    this.do({ type: 'peer-added', peer: PEER, keepaliveMs: 25_000 });
  }

  do(event: EngineEvent): this {
    this.#wanted.push(...this.engine.handle(event, this.now));
    return this;
  }

  /** The peer says where it is. */
  hear(message: Partial<CallMessage> = {}): this {
    const id = { runId: 'r', generation: 1, revision: 0 };
    const natBehavior = { mapping: null, filtering: null };
    const rest = { ufrag: 'u', password: 'p', seen: null, asksForEvidence: false, evidence: null, call: true };
    return this.do({
      type: 'message',
      peer: PEER,
      message: { ...id, ...rest, natBehavior, candidates: CANDIDATES, ...message },
    });
  }

  /** The newest trial has ended. */
  tried(proven: boolean): this {
    return this.do({ type: 'endpoint-tried', peer: PEER, trial: this.trial, proven });
  }

  pass(ms: number): this {
    const until = this.now + ms;
    for (let due = this.engine.nextTimeout(); due !== undefined && due <= until; due = this.engine.nextTimeout()) {
      this.now = Math.max(this.now, due);
      this.#wanted.push(...this.engine.handleTimeout(this.now));
    }
    this.now = until;
    return this;
  }

  trial = 0;

  /** Of the messages that were sent. */
  readonly evidence: CallMessage['evidence'][] = [];

  /** What it has wanted, in short. */
  wanted(): string[] {
    return this.#wanted.splice(0).flatMap((effect) => {
      switch (effect.type) {
        case 'try-endpoint':
          this.trial = effect.trial;
          return `try ${formatAddress(effect.address)}`;
        case 'send-message':
          this.evidence.push(effect.message.evidence);
          return effect.message.call ? 'call' : 'answer';
        case 'initiate-handshake':
          return 'handshake';
        default:
          return [];
      }
    });
  }

  get state(): string {
    const view = this.engine.view(PEER);
    const endpoint = view?.pairInUse && formatAddress(view.pairInUse.remote);
    return [view?.phase, view?.connection, endpoint].filter((part) => part !== undefined).join(' ');
  }
}

const text = (address: TransportAddress) => `try ${formatAddress(address)}`;

describe('the path to a peer of a device whose sockets are not ours', () => {
  it('is found by trying its endpoints one after another, the best first; a relay cannot be one', () => {
    const device = new Device().pass(0);
    expect([device.state, device.wanted()]).toEqual(['calling connecting', ['call']]);
    device.hear();
    expect([device.state, device.wanted()]).toEqual(['checking connecting', [text(PRIVATE)]]);
    device.tried(false);
    expect([device.state, device.wanted()]).toEqual(['checking connecting', [text(PUBLIC)]]);
    device.tried(true).pass(50);
    expect([device.state, device.wanted()]).toEqual([`connected hole-punched ${formatAddress(PUBLIC)}`, ['answer']]);
    expect(device.engine.pairsView(PEER)).toMatchObject({
      pairs: [
        { remote: PRIVATE, state: 'failed', checksSent: 1, responses: 0, inUse: false },
        { remote: PUBLIC, state: 'succeeded', checksSent: 1, responses: 1, inUse: true },
      ],
      rejections: [{ remote: { address: RELAYED }, reason: 'a device sends through no relay of ours' }],
    });
    device.pass(60_000);
    expect(device.wanted()).toEqual([]);
  });

  it('is what a trial has proven, also where something changed at our end meanwhile', () => {
    const device = new Device().hear();
    device.wanted();
    const base = { id: 'device4', family: 4, kind: 'socket' } as const;
    const description = { bases: [base], candidates: [], natBehavior: { mapping: null, filtering: null } };
    device.do({ type: 'local-description', description, newGeneration: false }).tried(true);
    expect(device.state).toBe(`connected direct ${formatAddress(PRIVATE)}`);
    expect(device.engine.pairsView(PEER)?.pairs[0]).toMatchObject({ remote: PRIVATE, checksSent: 1, responses: 1 });
  });

  it('is tried again each time that the peer is called again, for both NATs let in only what they have sent to', () => {
    const device = new Device().hear({ candidates: CANDIDATES.slice(0, 1) });
    device.pass(0).wanted();
    device.tried(false);
    expect(device.state).toBe('unreachable unreachable');
    device.pass(1000);
    expect(device.wanted()).toEqual(['call', text(PUBLIC)]);
    device.pass(10_000);
    expect(device.wanted()).not.toContain(text(PUBLIC));
    device.tried(false).pass(200_000);
    expect(device.wanted()).toContain(text(PUBLIC));
  });

  it('is not tried where it is refused, nor more often than the limit of pairs', () => {
    const device = new Device({ maxCandidatePairs: 1 });
    device.do({ type: 'own-network', contains: ({ ip }) => ip === PRIVATE.ip });
    device.hear({ candidates: [...CANDIDATES, { type: 'host', address: ELSEWHERE, priority: 0 }] });
    expect(device.wanted().filter((line) => line.startsWith('try'))).toEqual([text(PUBLIC)]);
    expect(device.engine.pairsView(PEER)?.rejections.map(({ reason }) => reason)).toEqual([
      'reached through our own interface: a loop',
      'a device sends through no relay of ours',
      'more pairs than traversal.maxCandidatePairs allows',
    ]);
  });

  it('begins anew with what the peer says next; what comes of a trial before that is nobody’s', () => {
    const device = new Device().hear();
    device.wanted();
    const before = device.trial;
    device.hear({ revision: 1, candidates: [{ type: 'host', address: ELSEWHERE, priority: 2 }] });
    expect(device.wanted()).toContain(text(ELSEWHERE));
    device.do({ type: 'endpoint-tried', peer: PEER, trial: before, proven: true });
    expect(device.state).toBe('checking connecting');
    device.tried(true);
    expect(device.state).toBe(`connected direct ${formatAddress(ELSEWHERE)}`);
  });

  const connected = () => {
    const device = new Device().hear();
    device.wanted();
    device.tried(true).do({ type: 'handshake', peer: PEER }).pass(100).wanted();
    return device;
  };

  it.each<[string, (device: Device) => unknown, string[], string]>([
    ['is left alone where the peer says the same', (device) => device.hear(), [], 'connected direct'],
    [
      'is left alone where it has more to say, and is there still',
      (device) => device.hear({ revision: 1 }),
      [],
      'connected direct',
    ],
    [
      'is sought where the peer says that it is, beside the session',
      (device) => device.hear({ generation: 2, candidates: [{ type: 'host', address: ELSEWHERE, priority: 2 }] }),
      [text(ELSEWHERE)],
      'connected direct',
    ],
    [
      'begins a session with the peer that was restarted',
      (device) => device.hear({ runId: 'next' }),
      ['handshake'],
      'unreachable unreachable',
    ],
    [
      'follows the peer to where it is heard from',
      (device) => device.do({ type: 'authenticated', peer: PEER, path: { baseId: 'device4', remote: PUBLIC } }),
      [],
      `connected hole-punched ${formatAddress(PUBLIC)}`,
    ],
    [
      'follows it to where nobody has said that it is',
      (device) => device.do({ type: 'authenticated', peer: PEER, path: { baseId: 'device4', remote: ELSEWHERE } }),
      [],
      `connected hole-punched ${formatAddress(ELSEWHERE)}`,
    ],
    [
      'is sought again when WireGuard lets the session live no longer',
      (device) => device.pass(180_000),
      [text(PRIVATE), 'call'],
      'checking connecting',
    ],
    [
      'lives on with each handshake',
      (device) => device.pass(120_000).do({ type: 'handshake', peer: PEER }).pass(120_000),
      [],
      'connected direct',
    ],
    ['is gone with the peer', (device) => device.do({ type: 'peer-removed', peer: PEER }).pass(200_000), [], ''],
  ])('%s', (_what, happens, wanted, state) => {
    const device = connected();
    happens(device);
    expect(device.wanted().filter((line) => line !== 'answer')).toEqual(wanted);
    expect(device.state.slice(0, state.length || Infinity)).toBe(state);
  });

  const suggested: EngineEvent = { type: 'candidate-suggested', peer: PEER, address: ELSEWHERE };
  const local = (newGeneration: boolean): EngineEvent => {
    const base = { id: 'device4', family: 4, kind: 'socket' } as const;
    const description = { bases: [base], candidates: [], natBehavior: { mapping: null, filtering: null } };
    return { type: 'local-description', description, newGeneration };
  };

  it.each<[string, EngineEvent, string[], string[]]>([
    ['an endpoint that somebody has set by hand', suggested, [text(ELSEWHERE)], [text(ELSEWHERE)]],
    [
      'an attempt, where there is a session, only calls',
      { type: 'attempt', peer: PEER, budgetMs: 5000 },
      ['call'],
      [text(PRIVATE), 'call'],
    ],
    ['another description of ours', local(false), ['answer'], ['call']],
    ['a new generation of ours', local(true), ['call'], ['call']],
    ['a peer that has come', { type: 'peer-available', peer: PEER }, ['call'], ['call']],
    ['a question for evidence', { type: 'ask-for-evidence', peer: PEER }, ['answer'], ['answer']],
  ])('%s: with a session, and without one', (_what, event, withSession, without) => {
    expect(connected().do(event).pass(100).wanted()).toEqual(withSession);
    const device = new Device().hear();
    for (let i = 0; i < 2; i++) {
      device.pass(100).wanted();
      device.tried(false);
    }
    expect(device.state).toBe('unreachable unreachable');
    expect(device.do(event).pass(100).wanted().slice(0, without.length)).toEqual(without);
  });

  it('is tried by hand as a candidate of the peer’s own', () => {
    const device = new Device().do(suggested);
    expect(device.wanted()).toContain(text(ELSEWHERE));
    expect(device.engine.pairsView(PEER)).toMatchObject({
      pairs: [{ remote: ELSEWHERE, remoteType: 'host', connection: 'direct', state: 'in-progress' }],
      remoteCandidates: [{ address: ELSEWHERE, type: 'host' }],
    });
  });

  it('is not tried for the same message again unless that calls; a session is not touched by it', () => {
    const device = new Device().hear();
    device.wanted();
    device.hear({ call: false });
    expect(device.wanted()).toEqual([]);
    device.hear({ call: true });
    expect(device.wanted()).toEqual([text(PRIVATE)]);
  });

  it('answers a peer that has not seen our newest description, and no other', () => {
    const device = connected();
    const seen = device.engine.localId;
    device.hear({ seen, call: false }).pass(100);
    expect(device.wanted()).toEqual([]);
    device.hear({ seen: { ...seen, revision: seen.revision + 1 }, call: false }).pass(100);
    expect(device.wanted()).toEqual(['answer']);
  });

  it('says whether messages reach the peer, and what the peer has seen', () => {
    const device = new Device();
    const view = () => device.engine.view(PEER);
    expect(view()).toMatchObject({ undeliverable: false, peerEvidence: undefined, isProbing: false });
    device.do({ type: 'peer-undeliverable', peer: PEER });
    expect(view()).toMatchObject({ undeliverable: true });
    device.hear({ evidence: [] });
    expect(view()).toMatchObject({ undeliverable: false, peerEvidence: [], isProbing: true, means: 'trials' });
    device.hear({ evidence: null });
    expect(view()).toMatchObject({ peerEvidence: [], pairs: { count: 2, unrelayed: 2 } });
  });

  it('tells evidence to a peer that asks for it, once', () => {
    const device = connected();
    const seen = device.engine.localId;
    const told = () => device.evidence.splice(0).map((evidence) => evidence?.length);
    device.hear({ seen, call: false, asksForEvidence: true }).pass(100).wanted();
    expect(told().at(-1)).toBe(2);
    device.hear({ call: false }).pass(100).wanted();
    expect(told()).toEqual([undefined]);
  });

  it('is called only where signalling is up; a session lives without', () => {
    const device = connected();
    device.do({ type: 'signaling-state', up: false }).do(local(true)).pass(60_000);
    expect([device.wanted(), device.state]).toEqual([[], `connected direct ${formatAddress(PRIVATE)}`]);
  });

  it('what is heard without a session, or from where it is, changes nothing', () => {
    const heard = (remote: TransportAddress): EngineEvent => ({
      type: 'authenticated',
      peer: PEER,
      path: { baseId: 'device4', remote },
    });
    const device = new Device().hear().do(heard(ELSEWHERE));
    expect(device.engine.view(PEER)?.pairs.count).toBe(2);
    expect(device.state).toBe('checking connecting');
    device.tried(true);
    const changes = device.engine.handle(heard(PRIVATE), device.now);
    expect(changes).toEqual([]);
  });

  it('is there where the peer has called first: the device has a session before anything was tried', () => {
    const device = new Device().do({ type: 'handshake', peer: PEER });
    expect(device.state).toBe('connected direct');
    device.do({ type: 'authenticated', peer: PEER, path: { baseId: 'device4', remote: PUBLIC } });
    expect(device.state).toBe(`connected hole-punched ${formatAddress(PUBLIC)}`);
  });
});
