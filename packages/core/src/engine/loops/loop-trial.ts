/**
 * By how much a packet that carries a check may be larger than the STUN message in it: from UDP over IPv4 in IPv4 (48) to
 * two encrypted overlays in each other, over IPv6. Bytes.
 */
export const LEAST_OVERHEAD = 40;
export const GREATEST_OVERHEAD = 400;

/** Many overlays pad to blocks of their cipher's, WireGuard too: among sizes that differ by blocks it adds the same to each. */
const BLOCK_BYTES = 16;
const SMALLEST_BYTES = 160;
const SIZES = 32;
/** STUN messages of a trial are no larger: with any overhead they pass where IPv6 does. */
export const LARGEST_CHECK_BYTES = SMALLEST_BYTES + (SIZES - 1) * BLOCK_BYTES;

/** So many checks must agree, and in traffic more of them, until hardly any overhead could have done so by chance. */
const LEAST_ROUNDS = 3;
const MOST_ROUNDS = 12;
const BY_CHANCE = 0.002;
/** Overheads that differ by blocks. What else rides on the tunnel may have such sizes only, so each such class is judged by itself. */
const CHOICES = (GREATEST_OVERHEAD - LEAST_OVERHEAD + 1) / BLOCK_BYTES;

export type TrialVerdict = 'loop' | 'clear' | 'again';

/**
 * Does a pair lead through our own tunnel, wrapped so that nothing of a check can be recognised? Then each check comes out of
 * our own interface before it is answered, larger by the same number of bytes whatever its size. Checks of random sizes are
 * sent until no overhead, or one that is no accident, is common to all that were answered. Sans-IO.
 */
export class LoopTrial {
  readonly #sizes: number[];
  #common: readonly number[] | undefined;
  /** By the overhead modulo the block: how many would be expected to be left by chance. */
  #byChance = new Float64Array(BLOCK_BYTES).fill(CHOICES);
  #rounds = 0;

  /** @param since ms. */
  constructor(
    readonly since: number,
    random: (length: number) => Uint8Array,
  ) {
    this.#sizes = shuffledSizes(random);
  }

  /** @returns size of the next check's STUN message in bytes, none twice; undefined where all were used. */
  takeSize(): number | undefined {
    return this.#sizes.pop();
  }

  /** @param overheads of the packets that our interface took in between the check and its answer, in bytes, each once. */
  answered(overheads: readonly number[]): TrialVerdict {
    const before = this.#common;
    const common = before === undefined ? overheads : overheads.filter((one) => before.includes(one));
    this.#common = common;
    this.#rounds += 1;
    const hits = new Float64Array(BLOCK_BYTES);
    for (const overhead of overheads) hits[overhead % BLOCK_BYTES] = (hits[overhead % BLOCK_BYTES] ?? 0) + 1;
    this.#byChance = this.#byChance.map((left, index) => left * Math.min(1, (hits[index] ?? 0) / CHOICES));
    const expectedByChance = this.#byChance.reduce((sum, left) => sum + left, 0);
    if (common.length === 0) return 'clear';
    if (this.#rounds >= LEAST_ROUNDS && expectedByChance <= BY_CHANCE) return 'loop';
    // In so much traffic nothing can be told.
    return this.#rounds >= MOST_ROUNDS ? 'clear' : 'again';
  }

  /** For `explain`. */
  get evidence(): string {
    const [overhead = 0] = this.#common ?? [];
    return `each of ${this.#rounds} checks of random sizes came out of our own interface, ${overhead} bytes larger, before it was answered`;
  }
}

/** Fisher and Yates. */
function shuffledSizes(random: (length: number) => Uint8Array): number[] {
  const sizes = Array.from({ length: SIZES }, (_, index) => SMALLEST_BYTES + index * BLOCK_BYTES);
  const bytes = random(SIZES);
  for (let i = SIZES - 1; i > 0; i -= 1) {
    const j = (bytes[i] ?? 0) % (i + 1);
    [sizes[i], sizes[j]] = [sizes[j] ?? 0, sizes[i] ?? 0];
  }
  return sizes;
}
