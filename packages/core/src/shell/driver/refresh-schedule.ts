/** A mapping that is suspect is looked at at most this often. */
const MAPPING_CHECK_SPACING_MS = 1000;

/** When every mapping is looked at again: an interval after the last look, and when one is suspect. */
export class RefreshSchedule {
  #dueAt: number | undefined;
  #mappingCheckedAt = -Infinity;

  constructor(public intervalMs: number) {}

  /** The node has started, or a look has ended. */
  arm(now: number): void {
    this.#dueAt ??= now + this.intervalMs;
  }

  stop(): void {
    this.#dueAt = undefined;
  }

  nextTimeout(): number {
    return this.#dueAt ?? Infinity;
  }

  takeDue(now: number): boolean {
    if (this.nextTimeout() > now) return false;
    this.#dueAt = undefined;
    return true;
  }

  /** Something that was sent did not arrive: the NAT may have forgotten the mapping. @returns whether to look now. */
  suspect(now: number): boolean {
    if (now - this.#mappingCheckedAt < MAPPING_CHECK_SPACING_MS) return false;
    this.#mappingCheckedAt = now;
    return true;
  }
}
