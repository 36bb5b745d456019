import { FairShares, type PublicKey } from '@wirepath/core/plugin';

export interface WaitingLimits {
  readonly ttlMs: number;
  readonly maxPerSender: number;
  /** At it, the senders of the block of addresses that has the most give way. */
  readonly maxTotal: number;
}

interface Wait {
  readonly recipient: PublicKey;
  readonly sender: PublicKey;
  untilMs: number;
}

/** Who asked for whom in vain, for a short while: they are told when the absent one registers. Bounded, holds no payload. */
export class WaitingSenders {
  readonly #limits: WaitingLimits;
  /** Absent recipient to sender. */
  readonly #byRecipient = new Map<PublicKey, Map<PublicKey, Wait>>();
  readonly #countBySender = new Map<PublicKey, number>();
  readonly #shares = new FairShares<Wait>();

  constructor(limits: WaitingLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#shares.size;
  }

  /**
   * @param levels the blocks that the sender's address is in, widest first.
   * @returns false when somebody goes untold for it: this sender, or one of those that have the most.
   */
  add(recipient: PublicKey, sender: PublicKey, nowMs: number, levels: readonly string[] = []): boolean {
    const untilMs = nowMs + this.#limits.ttlMs;
    const known = this.#byRecipient.get(recipient)?.get(sender);
    if (known) {
      known.untilMs = untilMs;
      return true;
    }
    const count = this.#countBySender.get(sender) ?? 0;
    if (count >= this.#limits.maxPerSender) return false;
    const path = [...levels, sender];
    const isFull = this.#shares.size >= this.#limits.maxTotal;
    if (isFull) {
      const yielding = this.#shares.yieldingTo(path);
      if (!yielding) return false;
      this.#forget(yielding);
    }
    const wait = { recipient, sender, untilMs };
    const senders = this.#byRecipient.get(recipient);
    if (senders) senders.set(sender, wait);
    else this.#byRecipient.set(recipient, new Map([[sender, wait]]));
    this.#countBySender.set(sender, count + 1);
    this.#shares.add(wait, path);
    return !isFull;
  }

  /** Takes out who waits for `recipient`. */
  take(recipient: PublicKey, nowMs: number): PublicKey[] {
    const waits = [...(this.#byRecipient.get(recipient)?.values() ?? [])];
    for (const wait of waits) this.#forget(wait);
    return waits.filter(({ untilMs }) => untilMs > nowMs).map(({ sender }) => sender);
  }

  expire(nowMs: number): void {
    for (const senders of this.#byRecipient.values()) {
      for (const wait of senders.values()) if (wait.untilMs <= nowMs) this.#forget(wait);
    }
  }

  #forget(wait: Wait): void {
    const { recipient, sender } = wait;
    this.#shares.delete(wait);
    const senders = this.#byRecipient.get(recipient);
    senders?.delete(sender);
    if (senders?.size === 0) this.#byRecipient.delete(recipient);
    const count = (this.#countBySender.get(sender) ?? 0) - 1;
    if (count > 0) this.#countBySender.set(sender, count);
    else this.#countBySender.delete(sender);
  }
}
