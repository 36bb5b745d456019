import type { PublicKey } from '../../base/identity/identity.js';
import { CallSchedule } from './call-schedule.js';
import type { EngineEffect } from '../effects.js';
import type { LocalDescription } from '../events.js';
import type { DescriptionId } from '../messages.js';
import type { PairEvidence } from '../pair-evidence.js';

export interface MessageOutboxNeeds {
  readonly peer: PublicKey;
  readonly around: {
    local: LocalDescription;
    localId: DescriptionId;
    signalingUp: boolean;
    random(length: number): Uint8Array;
    emit(effect: EngineEffect): void;
  };
  /** The newest description of the peer; null before the first. */
  seen(): DescriptionId | null;
  /** What this end has seen of its pairs. */
  evidence(): readonly PairEvidence[];
}

/** What this node tells one peer through signalling, and when. */
export class MessageOutbox {
  /** Short-term credential of the peer's checks. */
  readonly ufrag: string;
  readonly password: string;
  readonly #needs: MessageOutboxNeeds;
  readonly #schedule = new CallSchedule();
  /** The next message asks the peer to check us too ... */
  #isCall = false;
  /** ... to say what it has seen of the pairs ... */
  #asksForEvidence = false;
  /** ... or tells it what we have. */
  #tellsEvidence = false;

  constructor(needs: MessageOutboxNeeds) {
    this.#needs = needs;
    this.ufrag = Buffer.from(needs.around.random(6)).toString('base64url');
    this.password = Buffer.from(needs.around.random(18)).toString('base64url');
  }

  /** Tell the peer where we are, now and again until it is connected. */
  call(now: number): void {
    if (!this.#isPossible) return;
    this.#isCall = true;
    this.#schedule.request(now);
    this.retrySoon(now);
  }

  /** Tell the peer what is new. @param isCall it should check us. */
  tell(now: number, { isCall = false } = {}): void {
    if (isCall) this.#isCall = true;
    this.#schedule.request(now);
  }

  askForEvidence(now: number): void {
    this.#asksForEvidence = true;
    this.#schedule.request(now);
  }

  tellEvidence(now: number): void {
    this.#tellsEvidence = true;
    this.#schedule.request(now);
  }

  /** Keep calling, from short delays on. */
  retrySoon(now: number): void {
    this.#schedule.retrySoon(now, this.#jitter());
  }

  /** As {@link CallSchedule.settle}. */
  settle(): void {
    this.#schedule.settle();
  }

  /** As {@link CallSchedule.fadeOut}. */
  fadeOut(): void {
    this.#schedule.fadeOut();
  }

  get isRetrying(): boolean {
    return this.#schedule.isRetrying;
  }

  nextTimeout(): number | undefined {
    return this.#schedule.nextTimeout();
  }

  /** Sends what is due. @returns whether the peer was called again, with which probing starts anew. */
  handleTimeout(now: number): boolean {
    const due = this.#schedule.takeDue(now, this.#jitter());
    if (due === 'retry') this.#isCall = true;
    if (due !== undefined) this.#send();
    return due === 'retry';
  }

  get #isPossible(): boolean {
    const { signalingUp, local } = this.#needs.around;
    return signalingUp && local.bases.length > 0;
  }

  #send(): void {
    const { peer, around } = this.#needs;
    if (!around.signalingUp) return;
    const seen = this.#needs.seen();
    around.emit({
      type: 'send-message',
      to: peer,
      message: {
        ...around.localId,
        ufrag: this.ufrag,
        password: this.password,
        natBehavior: around.local.natBehavior,
        call: this.#isCall,
        candidates: around.local.candidates,
        seen: seen && { runId: seen.runId, generation: seen.generation, revision: seen.revision },
        asksForEvidence: this.#asksForEvidence,
        evidence: this.#tellsEvidence ? this.#needs.evidence() : null,
      },
    });
    this.#isCall = false;
    this.#asksForEvidence = false;
    this.#tellsEvidence = false;
  }

  #jitter(): number {
    return (this.#needs.around.random(1)[0] ?? 0) / 256;
  }
}
