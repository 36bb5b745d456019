import type { PublicKey } from '../../base/identity/identity.js';

/** A handshake is tried again every 5 s; three of them say something. */
const FIRST_MS = 15_000;
const LAST_MS = 300_000;

/** When to look the names of plain peers up again: for as long as nothing comes back from one, again and again, more and more seldom. */
export class UnansweredPeers {
  readonly #peers = new Map<PublicKey, { dueAtMs: number; waitMs: number }>();

  /** @param nowMs of the monotonic clock. @returns whether its name should be looked up now. */
  isDue(publicKey: PublicKey, isAnswering: boolean, nowMs: number): boolean {
    if (isAnswering) {
      this.#peers.delete(publicKey);
      return false;
    }
    const known = this.#peers.get(publicKey);
    if (known === undefined) {
      this.#peers.set(publicKey, { dueAtMs: nowMs + FIRST_MS, waitMs: FIRST_MS });
      return false;
    }
    if (nowMs < known.dueAtMs) return false;
    known.waitMs = Math.min(known.waitMs * 2, LAST_MS);
    known.dueAtMs = nowMs + known.waitMs;
    return true;
  }

  /** All that wait are due at once: somebody has mended something. */
  hurry(nowMs: number): void {
    for (const peer of this.#peers.values()) Object.assign(peer, { dueAtMs: nowMs, waitMs: FIRST_MS });
  }

  forget(publicKey: PublicKey): void {
    this.#peers.delete(publicKey);
  }
}
