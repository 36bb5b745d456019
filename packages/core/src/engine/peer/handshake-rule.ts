import { HANDSHAKE_RETRY_MAX_MS, HANDSHAKE_RETRY_MS, HANDSHAKE_YIELD_MS } from '../timings.js';

/**
 * Who starts the WireGuard handshake, and when: the side with the greater public key at once when a path is proven, the
 * other only when nothing has come of it, so that two initiations do not cross and undo each other. Until there is a
 * session it is tried again soon: a single lost initiation must not cost WireGuard's REKEY_TIMEOUT of 5 s.
 */
export class HandshakeRule {
  /** There is no session with the peer's present run. */
  needed = true;
  #path: string | undefined;
  #dueAt: number | undefined;
  #attempts = 0;
  #rttMs = 0;

  constructor(readonly initiates: boolean) {}

  /**
   * A proven path is in use.
   * @param path its key: a changed path starts over, the same does not.
   */
  pathReady(path: string, rttMs: number, now: number): void {
    if (!this.needed || path === this.#path) return;
    this.#path = path;
    this.#rttMs = rttMs;
    this.#attempts = 0;
    this.#dueAt = this.initiates ? now : now + Math.max(HANDSHAKE_YIELD_MS, 3 * rttMs);
  }

  /** The peer was restarted: its end of the session is gone. */
  reset(): void {
    this.needed = true;
    this.#path = undefined;
    this.#dueAt = undefined;
  }

  completed(): void {
    this.needed = false;
    this.#path = undefined;
    this.#dueAt = undefined;
  }

  nextTimeout(): number | undefined {
    return this.#dueAt;
  }

  /** @returns whether to send a fresh initiation now. */
  takeDue(now: number): boolean {
    if (this.#dueAt === undefined || now < this.#dueAt) return false;
    const wait = Math.max(HANDSHAKE_RETRY_MS, 3 * this.#rttMs) * 2 ** Math.min(this.#attempts, 8);
    this.#attempts += 1;
    this.#dueAt = now + Math.min(HANDSHAKE_RETRY_MAX_MS, wait);
    return true;
  }
}
