import type { PublicKey } from '@wirepath/core/plugin';

const MAX_RECIPIENTS = 8192;
const MAX_BYTES = 16 * 1024 * 1024;
const TTL_MS = 15_000;

interface Entry {
  readonly to: PublicKey;
  readonly sealed: Uint8Array;
  readonly atMs: number;
}

/** What waits to be sent: the newest payload per recipient, oldest recipient first, bounded and soon stale. */
export class Outbox {
  readonly #entries = new Map<PublicKey, Entry>();
  #sizeBytes = 0;

  /** @returns false when there is no room. */
  put(to: PublicKey, sealed: Uint8Array, nowMs: number): boolean {
    const previous = this.#entries.get(to);
    if (!previous && this.#isFull(sealed.length)) this.expire(nowMs);
    if (!previous && this.#isFull(sealed.length)) return false;
    // Replacing keeps the recipient's place in the queue.
    this.#entries.set(to, { to, sealed, atMs: nowMs });
    this.#sizeBytes += sealed.length - (previous?.sealed.length ?? 0);
    return true;
  }

  peek(nowMs: number): { readonly to: PublicKey; readonly sealed: Uint8Array } | undefined {
    for (const entry of this.#entries.values()) {
      if (entry.atMs + TTL_MS > nowMs) return entry;
      this.remove(entry.to);
    }
    return undefined;
  }

  remove(to: PublicKey): void {
    this.#sizeBytes -= this.#entries.get(to)?.sealed.length ?? 0;
    this.#entries.delete(to);
  }

  expire(nowMs: number): void {
    for (const entry of this.#entries.values()) if (entry.atMs + TTL_MS <= nowMs) this.remove(entry.to);
  }

  #isFull(extraBytes: number): boolean {
    return this.#entries.size >= MAX_RECIPIENTS || this.#sizeBytes + extraBytes > MAX_BYTES;
  }
}
