/** What a gateway said of its epoch, and when it came. */
interface Sighting {
  readonly serverSeconds: number;
  readonly clientMs: number;
}

/**
 * Tells by its epoch whether a gateway has lost its mappings (RFC 6887 8.5, and RFC 6886 3.6 in the same words): its clock
 * must not go back by more than a second, nor run much slower or faster than ours.
 */
export class Epoch {
  #last: Sighting | undefined;

  /** @returns false where the gateway has been started anew since. */
  isConsistent(serverSeconds: number, nowMs: number): boolean {
    const last = this.#last;
    this.#last = { serverSeconds, clientMs: nowMs };
    if (last === undefined) return true;
    if (serverSeconds < last.serverSeconds - 1) return false;
    const clientDelta = (nowMs - last.clientMs) / 1000;
    const serverDelta = serverSeconds - last.serverSeconds;
    return clientDelta + 2 >= serverDelta - serverDelta / 16 && serverDelta + 2 >= clientDelta - clientDelta / 16;
  }

  forget(): void {
    this.#last = undefined;
  }
}
