/**
 * One pong at a time, to the newest ping (RFC 6455, section 5.5.3 allows that): pings of somebody who does not read would
 * heap up pongs.
 */
export class PongTurn {
  #isUnderWay = false;
  #next: Uint8Array | undefined;

  /** @returns what to answer now, if anything. */
  pinged(payload: Uint8Array): Uint8Array | undefined {
    if (!this.#isUnderWay) {
      this.#isUnderWay = true;
      return payload;
    }
    this.#next = payload;
    return undefined;
  }

  /** The pong has left. @returns what to answer next, if anything. */
  ponged(): Uint8Array | undefined {
    const next = this.#next;
    this.#next = undefined;
    this.#isUnderWay = next !== undefined;
    return next;
  }
}
