import { CallSchedule } from './call-schedule.js';
import type { CallMessage, DescriptionId } from '../messages.js';
import type { PairEvidence } from '../pair-evidence.js';
import type { World } from '../world.js';

/** What an agent has to say at the moment. */
export interface ToTell {
  /** The newest description of the peer; null before the first. */
  readonly seen: DescriptionId | null;
  /** What this end has seen of its pairs. */
  readonly evidence: () => readonly PairEvidence[];
}

/** What this node tells one peer through signalling, and when. */
export class MessageOutbox {
  /** Short-term credential of the peer's checks. */
  readonly ufrag: string;
  readonly password: string;
  readonly #random: (length: number) => Uint8Array;
  readonly #schedule = new CallSchedule();
  /** The next message asks the peer to check us too ... */
  #isCall = false;
  /** ... to say what it has seen of the pairs ... */
  #asksForEvidence = false;
  /** ... or tells it what we have. */
  #tellsEvidence = false;

  constructor(random: (length: number) => Uint8Array) {
    this.#random = random;
    this.ufrag = Buffer.from(random(6)).toString('base64url');
    this.password = Buffer.from(random(18)).toString('base64url');
  }

  /** Tell the peer where we are, now and again until it is connected. */
  call(now: number, { signalingUp, local }: World): void {
    if (!signalingUp || local.bases.length === 0) return;
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

  /** @returns the message that is due, and whether it calls the peer again, with which probing starts anew. */
  handleTimeout(now: number, world: World, toTell: ToTell): { message?: CallMessage; isRetry: boolean } {
    const due = this.#schedule.takeDue(now, this.#jitter());
    const isRetry = due === 'retry';
    if (isRetry) this.#isCall = true;
    if (due === undefined || !world.signalingUp) return { isRetry };
    return { isRetry, message: this.#take(world, toTell) };
  }

  #take({ local, localId }: World, { seen, evidence }: ToTell): CallMessage {
    const message = {
      ...localId,
      ufrag: this.ufrag,
      password: this.password,
      natBehavior: local.natBehavior,
      call: this.#isCall,
      candidates: local.candidates,
      seen: seen && { runId: seen.runId, generation: seen.generation, revision: seen.revision },
      asksForEvidence: this.#asksForEvidence,
      evidence: this.#tellsEvidence ? evidence() : null,
    };
    this.#isCall = false;
    this.#asksForEvidence = false;
    this.#tellsEvidence = false;
    return message;
  }

  #jitter(): number {
    return (this.#random(1)[0] ?? 0) / 256;
  }
}
