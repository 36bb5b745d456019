const FIRST_PORT = 1024;
const LAST_PORT = 65535;

/** Mappings of one socket that are no further apart were given out in sequence. */
const MAX_SEQUENCE = 512;
/** So many ports after, and a few before, those of a sequence are guessed first: the other opens 256 at once. */
const PREDICTED_AFTER = 384;
const PREDICTED_BEFORE = 32;

/** Ports to guess, none twice: those that a sequence predicts, then random ones. */
export class PortGuesses {
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
