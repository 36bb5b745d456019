import type { TransportAddress } from '@wirepath/stun-codec';
import { connectionType, tierOf, type ConnectionType } from '../connection-type.js';
import { pathKeyOf, type EnginePath, type LocalBase } from '../engine-path.js';
import type { PairState } from '../pair-evidence.js';
import { CheckSchedule } from './check-schedule.js';
import { LossMeter } from './loss-meter.js';
import type { RemoteCandidate } from './remote-candidates.js';

/** A candidate pair (RFC 8445): a base of ours and an address of the peer, with all that was learnt of it. */
export class CandidatePair {
  readonly key: string;
  readonly path: EnginePath;
  state: PairState = 'waiting';
  /** Our relay lets the peer in; without that nothing can be sent from an allocation. */
  isPermitted = false;
  readonly schedule = new CheckSchedule();
  readonly loss = new LossMeter();
  /** Evidence for `explain`: totals over the pair's life. */
  checksSent = 0;
  responses = 0;
  checksReceived = 0;
  firstHeardAt = Infinity;
  lastHeardAt: number | undefined;
  /** Smoothed round trip of checks, ms. */
  rttMs: number | undefined;
  /** How the response says the peer saw us. */
  mappedAddress: TransportAddress | undefined;
  /** Its relay is being given up by whoever allocated there: any other of its tier is better. */
  isRetiring = false;
  /** Why it is not usable, where it is not just a lack of answers. */
  refusal: string | undefined;

  constructor(
    readonly base: LocalBase,
    public remote: RemoteCandidate,
  ) {
    this.path = { baseId: base.id, remote: remote.address };
    this.key = pathKeyOf(this.path);
  }

  get connection(): ConnectionType {
    return connectionType(this.base.kind, this.remote.type);
  }

  get tier(): number {
    return tierOf(this.connection);
  }

  /** Relays that a datagram crosses. */
  get relayHops(): number {
    return (this.base.kind === 'allocation' ? 1 : 0) + (this.remote.type === 'relayed' ? 1 : 0);
  }

  /** It loses so much that a clean relay is better. */
  get isLossy(): boolean {
    return this.loss.isLossy;
  }

  /** Starts probing (anew); the first check is due at once. */
  probe(now: number): void {
    this.schedule.start(now);
    if (this.state === 'failed') this.state = 'in-progress';
  }

  checkSent(now: number): void {
    if (this.loss.checkSent(now, this.rttMs, this.state === 'succeeded')) this.fail('went silent');
    this.schedule.sent(now);
    this.checksSent += 1;
    if (this.state === 'waiting') this.state = 'in-progress';
  }

  /** Something authenticated came in on it. */
  heard(now: number): void {
    this.firstHeardAt = Math.min(this.firstHeardAt, now);
    this.lastHeardAt = now;
  }

  answered(now: number, rttMs: number): void {
    this.loss.answered(now - rttMs);
    this.responses += 1;
    this.state = 'succeeded';
    this.refusal = undefined;
    this.schedule.stop();
    this.rttMs = this.rttMs === undefined ? rttMs : this.rttMs * 0.75 + rttMs * 0.25;
  }

  /** The network changed: what was proven before has to be proven again. */
  distrust(): void {
    if (this.state === 'succeeded') this.state = 'in-progress';
  }

  /** It has answered, and nothing says that it does no more. */
  get hasWorked(): boolean {
    return this.responses > 0 && this.state !== 'failed';
  }

  /** @param refusal why, where it is not just a lack of answers. */
  fail(refusal?: string): void {
    this.state = 'failed';
    this.schedule.stop();
    this.loss.died();
    if (refusal !== undefined) this.refusal = refusal;
  }
}

/** For `sort`: the better type and the higher priority first. */
export function byTypeAndPriority(a: CandidatePair, b: CandidatePair): number {
  return a.tier - b.tier || b.remote.priority - a.remote.priority;
}
