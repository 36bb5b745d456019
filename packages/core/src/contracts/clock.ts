/** Time, passed in so that tests can make it. */
export interface Clock {
  /** Monotonic, ms; its zero means nothing. */
  now(): number;
  /** Wall clock, unix ms. */
  unixMs(): number;
  /** Disposing cancels. */
  setTimeout(callback: () => void, delayMs: number): Disposable;
}

/** Randomness, passed in for the same reason. */
export interface RandomSource {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array;
}
