import { transportAddress } from '@wirepath/stun-codec';
import type { RelayFraming, TransportPath } from '../../../src/contracts/path.js';
import type { CallMessage } from '../../../src/engine/messages.js';
import { Driver } from '../../../src/shell/driver/driver.js';
import type { DriverEffect } from '../../../src/shell/driver/effects.js';
import type { DiscoveredCandidate, DriverEvent } from '../../../src/shell/driver/events.js';
import { seededRandom } from '../../engine/two-engines.js';

export const BASE = { id: 'udp4', family: 4, port: 51820, shared: true } as const;
export const PEER = 'B';
export const REFRESH_MS = 60_000;
export const RELAY = {
  plugin: 'relay',
  server: { url: 'turn:relay:3478', transport: 'udp' },
  canProbe: false,
} as const;
export const RELAYED = transportAddress('203.0.113.10', 50_000);
export const MAPPED = transportAddress('198.51.100.7', 40_000);
export const PEER_RELAYED = transportAddress('203.0.113.20', 60_000);
export const FRAMING: RelayFraming = { kind: 'stream', allocationId: 'a1', send: () => undefined };
export const NO_ANSWER = { reason: 'no answer', answered: false };

export const hostAt = (ip: string, port = 51820) =>
  ({ type: 'host', address: transportAddress(ip, port), discoveredAtMs: 0 }) as const;
export const seenAt = (ip: string, port: number) =>
  ({ type: 'server-reflexive', address: transportAddress(ip, port), discoveredAtMs: 0 }) as const;

/** A driver that runs; its time stands still but for `pass`. */
export class TestNode {
  readonly driver = new Driver({
    ownKey: 'A',
    holePunchTimeoutMs: 15_000,
    maxCandidatePairs: 10,
    refreshIntervalMs: REFRESH_MS,
    random: seededRandom(1),
  });
  now = 1000;
  readonly #effects: DriverEffect[] = [];

  constructor() {
    this.tell({ type: 'sockets', bases: [BASE] }, { type: 'started' });
  }

  tell(...events: readonly DriverEvent[]): this {
    for (const event of events) this.#effects.push(...this.driver.handle(event, this.now));
    return this;
  }

  /** Timers fire on their times. */
  pass(ms: number): this {
    const untilMs = this.now + ms;
    for (let at = this.driver.nextTimeout(); at !== undefined && at <= untilMs; at = this.driver.nextTimeout()) {
      this.now = Math.max(this.now, at);
      this.#effects.push(...this.driver.handleTimeout(this.now));
    }
    this.now = untilMs;
    return this;
  }

  /** Effects of these types since the last look, in order. */
  take<T extends DriverEffect['type']>(...types: readonly T[]): Extract<DriverEffect, { type: T }>[] {
    return this.#effects
      .splice(0)
      .filter((effect): effect is Extract<DriverEffect, { type: T }> =>
        (types as readonly string[]).includes(effect.type),
      );
  }

  get generation(): number {
    return this.driver.engine.localId.generation;
  }

  get revision(): number {
    return this.driver.engine.localId.revision;
  }

  gathers(...candidates: readonly DiscoveredCandidate[]): this {
    return this.tell({ type: 'gathered', source: 'all', candidates }, { type: 'gathering-ended' }).pass(0);
  }

  meets(message: Partial<CallMessage> = {}): this {
    const call: CallMessage = {
      runId: 'run',
      generation: 0,
      revision: 0,
      ufrag: 'ufrag-of-B',
      password: 'password-of-B',
      candidates: [],
      natBehavior: { mapping: null, filtering: null },
      call: true,
      seen: null,
      asksForEvidence: false,
      evidence: null,
      ...message,
    };
    return this.tell(
      { type: 'signaling-state', up: true },
      { type: 'peer-added', peer: PEER, keepaliveMs: 25_000 },
      { type: 'message', peer: PEER, message: call },
    );
  }

  /** A check of ours, on its own path. */
  answers(path: TransportPath, id: Uint8Array): this {
    const transactionId = Buffer.from(id).toString('hex');
    return this.tell({ type: 'check-response', path, transactionId, mappedAddress: MAPPED });
  }

  allocates(id = 'a1'): this {
    const allocation = { id, relayedAddress: RELAYED, mappedAddress: MAPPED, rttMs: 5 };
    this.tell({ type: 'relay-servers', servers: [RELAY] }).pass(0);
    return this.tell({ type: 'allocated', on: RELAY, allocation, atMs: 0 }).pass(0);
  }

  /** What the engine wanted of the relay for a peer that has a relayed candidate. */
  wantsPermission(): Extract<DriverEffect, { type: 'permit' }> {
    const candidates = [{ type: 'relayed', address: PEER_RELAYED, priority: 1 }] as const;
    const [permit] = this.gathers(hostAt('192.0.2.1')).meets({ candidates }).pass(1000).take('permit');
    if (permit === undefined) throw new Error('a permission is wanted');
    return permit;
  }
}
