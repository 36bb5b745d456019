const LOG_INTERVAL_MS = 60_000;

/** Lets one line a minute into the log, so that nothing floods it at the rate of the packets, and counts what it held back. */
export class LogThrottle {
  #loggedAtMs = -Infinity;
  #unlogged = 0;

  /**
   * @param nowMs of the monotonic clock.
   * @returns fields for the line that may be logged now: `unlogged`, if there were any, since the one before. Undefined: not now.
   */
  admit(nowMs: number): { readonly unlogged?: number } | undefined {
    if (nowMs - this.#loggedAtMs < LOG_INTERVAL_MS) {
      this.#unlogged += 1;
      return undefined;
    }
    const fields = this.#unlogged === 0 ? {} : { unlogged: this.#unlogged };
    this.#loggedAtMs = nowMs;
    this.#unlogged = 0;
    return fields;
  }
}
