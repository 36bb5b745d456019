/** Why a datagram was dropped. */
export type DropReason =
  | 'malformed'
  | 'bad-fingerprint'
  | 'unexpected-message'
  | 'unanswerable'
  | 'rate-limited'
  | 'too-many-failures'
  | 'no-allocation'
  | 'allocation-pending'
  | 'no-permission'
  | 'no-channel'
  | 'peer-refused'
  | 'oversized'
  | 'send-failed'
  | 'internal-error';

/** Counts what was dropped; reasons are a closed set, so it cannot grow. */
export class DropCounters {
  readonly #counts = new Map<DropReason, number>();

  add(reason: DropReason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
