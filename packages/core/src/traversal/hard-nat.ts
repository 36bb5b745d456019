import { mapsPerDestination, type NatBehavior } from '../contracts/nat-behavior.js';

/**
 * Which part a node plays where one NAT maps per destination and the other does not, and ordinary checks come to nothing: if
 * the other filters by address and port, neither can say which port the other will see. `many-bases`: our mapping is the unknown one, so we open many of them toward the peer;
 * `many-guesses`: the peer's is, so we check many of its ports, until one of ours meets one of its.
 */
export type HardNatPart = 'many-bases' | 'many-guesses';

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

const FIRST_PORT = 1024;
const LAST_PORT = 65535;

/** Mappings of one socket that are no further apart were given out in sequence. */
const MAX_SEQUENCE = 512;
/** So many ports after, and a few before, those of a sequence are guessed first: the other opens 256 at once. */
const PREDICTED_AFTER = 384;
const PREDICTED_BEFORE = 32;

/** @returns undefined where ordinary checks do, or nothing can: both mappings depend on the destination. */
export function hardNatPart(local: NatBehavior, remote: NatBehavior): HardNatPart | undefined {
  const [ours, theirs] = [mapsPerDestination(local), mapsPerDestination(remote)];
  if (ours === undefined || theirs === undefined || ours === theirs) return undefined;
  return ours ? 'many-bases' : 'many-guesses';
}

/** Why there will be no direct path; undefined where there may be one. */
export function hardNatObstacle(local: NatBehavior, remote: NatBehavior): string | undefined {
  return mapsPerDestination(local) === true && mapsPerDestination(remote) === true
    ? 'both NATs map per destination (symmetric), so neither side can know the port that the other will see'
    : undefined;
}

export interface HardNatAttemptOptions {
  readonly part: HardNatPart;
  readonly now: number;
  readonly seenPorts: readonly number[];
  readonly random: (length: number) => Uint8Array;
}

/** The pace of one attempt: what to send when. Sans-IO. */
export class HardNatAttempt {
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

/** Ports to guess, none twice: those that a sequence predicts, then random ones. */
class PortGuesses {
  readonly #predicted: number[];
  readonly #guessed = new Set<number>();
  readonly #random: (length: number) => Uint8Array;
  /** Fisher and Yates, as far as it is drawn. */
  readonly #shuffled = new Map<number, number>();
  #drawn = 0;

  constructor(seenPorts: readonly number[], random: (length: number) => Uint8Array) {
    this.#random = random;
    this.#predicted = predictPorts(seenPorts);
  }

  next(): number {
    for (;;) {
      const port = this.#predicted.shift() ?? this.#draw();
      if (this.#guessed.has(port)) continue;
      this.#guessed.add(port);
      return port;
    }
  }

  #draw(): number {
    const size = LAST_PORT - FIRST_PORT + 1;
    const at = this.#drawn++;
    const bytes = this.#random(4);
    const number = ((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8) | ((bytes[2] ?? 0) << 16)) + (bytes[3] ?? 0) * 2 ** 24;
    const pick = at + (number % (size - at));
    const value = this.#shuffled.get(pick) ?? pick;
    this.#shuffled.set(pick, this.#shuffled.get(at) ?? at);
    return FIRST_PORT + value;
  }
}

/**
 * The ports that a NAT gives to the next mappings, the likeliest first.
 * @param seenPorts of several mappings of one socket.
 * @returns none where they show no sequence.
 */
export function predictPorts(seenPorts: readonly number[]): number[] {
  const [least, greatest] = [Math.min(...seenPorts), Math.max(...seenPorts)];
  if (new Set(seenPorts).size < 2 || greatest - least > MAX_SEQUENCE) return [];
  const after = Array.from({ length: PREDICTED_AFTER }, (_, index) => greatest + 1 + index);
  const before = Array.from({ length: PREDICTED_BEFORE }, (_, index) => least - 1 - index);
  return [...after, ...before].filter((port) => port >= FIRST_PORT && port <= LAST_PORT);
}
