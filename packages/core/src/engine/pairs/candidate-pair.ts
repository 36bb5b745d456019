import type { TransportAddress } from '@wirepath/stun-codec';
import type { CandidateType } from '../../contracts/candidate.js';
import { connectionType, tierOf, type ConnectionType } from '../connection-type.js';
import { pathKeyOf, type EnginePath, type LocalBase } from '../engine-path.js';
import type { PairState } from '../pair-evidence.js';
import { CHECK_GAPS_MS, DEAD_AFTER_LOST, LOSSY_FROM, LOSSY_UNTIL, LOSS_SMOOTHING, LOST_AFTER_MS } from '../timings.js';

export interface RemoteCandidate {
  readonly address: TransportAddress;
  readonly type: CandidateType;
  readonly priority: number;
}

/** A candidate pair (RFC 8445): a base of ours and an address of the peer, with all that was learnt of it. */
export class CandidatePair {
  readonly key: string;
  readonly path: EnginePath;
  state: PairState = 'waiting';
  /** Our relay lets the peer in; without that nothing can be sent from an allocation. */
  isPermitted = false;
  /** When the next ordinary check is due; undefined when none is. */
  nextCheckAt: number | undefined;
  /** Checks sent since probing (re)started. */
  attempts = 0;
  #triggered = 0;
  /** Evidence for `explain`: totals over the pair's life. */
  checksSent = 0;
  responses = 0;
  checksReceived = 0;
  firstHeardAt = Infinity;
  lastHeardAt: number | undefined;
  lastSentAt: number | undefined;
  /** Smoothed round trip of checks, ms. */
  rttMs: number | undefined;
  /** Part of the checks that came to nothing since the pair was proven, smoothed: 0 to 1. */
  lossRatio = 0;
  /** It loses so much that a clean relay is better. */
  isLossy = false;
  /** When the checks were sent that tell of loss and are not answered yet, and when the last of these was sent. */
  #samples: number[] = [];
  #sampledAt = -Infinity;
  #lostInARow = 0;
  /** What was known before the present row of lost checks. */
  #before = { lossRatio: 0, isLossy: false };
  /** How the response says the peer saw us. */
  mappedAddress: TransportAddress | undefined;
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

  /** Starts probing (anew); the first check is due at once. */
  probe(now: number): void {
    this.attempts = 0;
    this.#triggered = 0;
    this.nextCheckAt = now;
    if (this.state === 'failed') this.state = 'in-progress';
  }

  /**
   * May a check of the peer trigger one of ours now? The first may at once: the hole has just been opened. Later ones keep
   * the gaps of ordinary checks, so that two sides whose answers get lost do not trigger each other without end.
   */
  mayTrigger(now: number): boolean {
    const gap = CHECK_GAPS_MS[Math.min(this.#triggered - 1, CHECK_GAPS_MS.length - 1)] ?? 0;
    if (this.#triggered > 0 && now - (this.lastSentAt ?? -Infinity) < gap) return false;
    this.#triggered += 1;
    return true;
  }

  checkSent(now: number): void {
    this.#sampleLoss(now);
    const gap = CHECK_GAPS_MS[Math.min(this.attempts, CHECK_GAPS_MS.length - 1)] ?? 1000;
    this.attempts += 1;
    this.checksSent += 1;
    this.lastSentAt = now;
    this.nextCheckAt = now + gap;
    if (this.state === 'waiting') this.state = 'in-progress';
  }

  /** Something authenticated came in on it. */
  heard(now: number): void {
    this.firstHeardAt = Math.min(this.firstHeardAt, now);
    this.lastHeardAt = now;
  }

  answered(now: number, rttMs: number): void {
    const sample = this.#samples.indexOf(now - rttMs);
    if (sample >= 0) {
      this.#samples.splice(sample, 1);
      this.#countLoss(0);
    }
    this.responses += 1;
    this.state = 'succeeded';
    this.refusal = undefined;
    this.nextCheckAt = undefined;
    this.rttMs = this.rttMs === undefined ? rttMs : this.rttMs * 0.75 + rttMs * 0.25;
  }

  /** Of checks in quick succession one counts: a blink of half a second is no lossy path. */
  #sampleLoss(now: number): void {
    const lostBefore = now - Math.max(LOST_AFTER_MS, 3 * (this.rttMs ?? 0));
    while ((this.#samples[0] ?? now) < lostBefore) {
      this.#samples.shift();
      this.#countLoss(1);
    }
    // Before it was proven, silence is a closed hole, not loss.
    if (this.state !== 'succeeded' || now - this.#sampledAt < LOST_AFTER_MS) return;
    this.#sampledAt = now;
    this.#samples.push(now);
  }

  #countLoss(lost: 0 | 1): void {
    if (this.#lostInARow === 0) this.#before = { lossRatio: this.lossRatio, isLossy: this.isLossy };
    this.#lostInARow = lost === 1 ? this.#lostInARow + 1 : 0;
    if (this.#lostInARow >= DEAD_AFTER_LOST) {
      this.fail();
      this.refusal = 'went silent';
      return;
    }
    this.lossRatio += (lost - this.lossRatio) * LOSS_SMOOTHING;
    this.isLossy = this.lossRatio > (this.isLossy ? LOSSY_UNTIL : LOSSY_FROM);
  }

  /** The network changed: what was proven before has to be proven again. */
  distrust(): void {
    if (this.state === 'succeeded') this.state = 'in-progress';
  }

  /** It has answered, and nothing says that it does no more. */
  get hasWorked(): boolean {
    return this.responses > 0 && this.state !== 'failed';
  }

  fail(): void {
    this.state = 'failed';
    this.nextCheckAt = undefined;
    this.#samples = [];
    if (this.#lostInARow === 0) return;
    // What was lost while it died says nothing of a path that comes back; what was lost before does.
    this.#lostInARow = 0;
    this.lossRatio = this.#before.lossRatio;
    this.isLossy = this.#before.isLossy;
  }
}
