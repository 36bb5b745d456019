/** Time, passed in so that tests can make it. */
export interface Clock {
  /** Monotonic, ms; its zero means nothing. Time in which the machine is suspended counts. */
  now(): number;
  /** Wall clock, unix ms. */
  unixMs(): number;
  /** Disposing cancels. */
  setTimeout(callback: () => void, delayMs: number): Disposable;
}

/** A clock of the system that counts on while the machine is suspended. */
export interface Boottime {
  /** ms; its zero means nothing. */
  read(): number;
  /** What differs by less from a clock that stands still meanwhile, ms, may be its coarseness. */
  readonly resolutionMs: number;
  /** How often it may be read, ms: what it costs. */
  readonly intervalMs: number;
}

/** Randomness, passed in for the same reason. */
export interface RandomSource {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array;
}
