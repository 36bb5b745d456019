import type { PublicKey } from '@wirepath/core/plugin';

export interface WaitingLimits {
  readonly ttlMs: number;
  readonly maxPerSender: number;
  readonly maxTotal: number;
}

/** Who asked for whom in vain, for a short while: they are told when the absent one registers. Bounded, holds no payload. */
export class WaitingSenders {
  readonly #limits: WaitingLimits;
  /** Absent recipient to (sender to end of waiting, ms). */
  readonly #byRecipient = new Map<PublicKey, Map<PublicKey, number>>();
  readonly #countBySender = new Map<PublicKey, number>();
  #total = 0;

  constructor(limits: WaitingLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#total;
  }

  /** @returns false when there is no room. */
  add(recipient: PublicKey, sender: PublicKey, nowMs: number): boolean {
    const senders = this.#byRecipient.get(recipient);
    if (senders?.has(sender)) {
      senders.set(sender, nowMs + this.#limits.ttlMs);
      return true;
    }
    const count = this.#countBySender.get(sender) ?? 0;
    if (count >= this.#limits.maxPerSender || this.#total >= this.#limits.maxTotal) return false;
    if (senders) senders.set(sender, nowMs + this.#limits.ttlMs);
    else this.#byRecipient.set(recipient, new Map([[sender, nowMs + this.#limits.ttlMs]]));
    this.#countBySender.set(sender, count + 1);
    this.#total += 1;
    return true;
  }

  /** Takes out who waits for `recipient`. */
  take(recipient: PublicKey, nowMs: number): PublicKey[] {
    const senders = this.#byRecipient.get(recipient);
    if (!senders) return [];
    this.#byRecipient.delete(recipient);
    for (const sender of senders.keys()) this.#forget(sender);
    return [...senders].filter(([, untilMs]) => untilMs > nowMs).map(([sender]) => sender);
  }

  expire(nowMs: number): void {
    for (const [recipient, senders] of this.#byRecipient) {
      for (const [sender, untilMs] of senders) {
        if (untilMs > nowMs) continue;
        senders.delete(sender);
        this.#forget(sender);
      }
      if (senders.size === 0) this.#byRecipient.delete(recipient);
    }
  }

  #forget(sender: PublicKey): void {
    this.#total -= 1;
    const count = (this.#countBySender.get(sender) ?? 0) - 1;
    if (count > 0) this.#countBySender.set(sender, count);
    else this.#countBySender.delete(sender);
  }
}
