import { PortGuesses } from './port-guesses.js';
import type { HardNatPart } from './hard-nat-part.js';

/** With 64,512 random ports 256 bases and 1,024 guesses meet with 98 % (the birthday problem). */
export const EXTRA_BASES = 256;
export const GUESSES = 1024;

/** Ordinary checks have this long before an attempt starts; within it almost every other pair of NATs is through. */
export const HARD_NAT_DELAY_MS = 1000;
/** The one who guesses waits until the other's bases have opened their mappings. */
const GUESS_DELAY_MS = 400;
/** One check each: about 250 a second, which is less than a voice call. */
const GUESS_GAP_MS = 4;
const OPENING_GAP_MS = 1;
/** Mappings that nothing came back on are forgotten after 30 s by common NATs; ours are renewed before. */
const REOPEN_MS = 10_000;
export const ATTEMPT_MS = 15_000;

export interface HardNatAttemptOptions {
  readonly part: HardNatPart;
  readonly now: number;
  readonly seenPorts: readonly number[];
  readonly random: (length: number) => Uint8Array;
}

/** The pace of one attempt: what to send when. Sans-IO. */
export class HardNatAttempt {
  readonly startedAt: number;
  readonly endsAt: number;
  #nextAt: number;
  #sent = 0;
  /** Bases that this attempt owns. */
  bases: readonly string[] = [];
  readonly part: HardNatPart;
  readonly #ports: PortGuesses;

  /** @param seenPorts the peer's mapped ports, as its STUN servers have seen them. */
  constructor({ part, now, seenPorts, random }: HardNatAttemptOptions) {
    this.part = part;
    this.#ports = new PortGuesses(seenPorts, random);
    this.startedAt = now;
    this.endsAt = now + ATTEMPT_MS;
    this.#nextAt = part === 'many-guesses' ? now + GUESS_DELAY_MS : Infinity;
  }

  basesOpened(ids: readonly string[], now: number): void {
    this.bases = ids;
    this.#nextAt = ids.length > 0 ? now : Infinity;
  }

  nextTimeout(): number {
    return Math.min(this.#nextAt, this.endsAt);
  }

  /** @returns the base to open toward the peer now. */
  takeBase(now: number): string | undefined {
    if (this.part !== 'many-bases' || now < this.#nextAt || this.bases.length === 0) return undefined;
    const base = this.bases[this.#sent % this.bases.length];
    this.#sent += 1;
    const roundIsOver = this.#sent % this.bases.length === 0;
    this.#nextAt = now + (roundIsOver ? REOPEN_MS : OPENING_GAP_MS);
    return base;
  }

  /** @returns the port to guess now; none twice. */
  takePort(now: number): number | undefined {
    if (this.part !== 'many-guesses' || now < this.#nextAt || this.#sent >= GUESSES) return undefined;
    this.#sent += 1;
    this.#nextAt = this.#sent < GUESSES ? now + GUESS_GAP_MS : Infinity;
    return this.#ports.next();
  }

  get progress(): string {
    return this.part === 'many-bases' ? `${this.bases.length} sockets opened` : `${this.#sent} ports guessed`;
  }
}
